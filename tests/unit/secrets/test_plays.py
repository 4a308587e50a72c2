"""What plays do when something fails on one of several hosts: Ansible leaves that host out and goes on with the others.

The real playbooks, with roles that do nothing but fall where they are told to.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
INVENTORY = """all:
  vars: {{ansible_connection: local, ansible_python_interpreter: {python}, tinstack_state_dir: {state}}}
  children:
    api: {{hosts: {{ctl: {{}}}}}}
    image: {{hosts: {{ctl: {{}}, img: {{}}}}}}
    compute: {{hosts: {{hv1: {{}}, hv2: {{}}}}}}
"""
TASKS = """- name: Say so
  ansible.builtin.debug: {{msg: "{role} did {tasks}"}}
- name: Fall
  ansible.builtin.fail: {{msg: fallen}}
  when: inventory_hostname ~ ' {role}' == fallen
"""

Play = Callable[[str, str], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Runs a playbook; the second word says on which host which role falls."""
    for real in (ROOT / "roles").glob("*/tasks/*.yml"):
        role = real.parents[1].name
        tasks = tmp_path / "roles" / role / "tasks"
        tasks.mkdir(parents=True, exist_ok=True)
        (tasks / real.name).write_text(TASKS.format(role=role, tasks=real.stem))
        for part in ("defaults", "vars"):
            if (real.parents[1] / part).is_dir():
                shutil.copytree(real.parents[1] / part, tmp_path / "roles" / role / part, dirs_exist_ok=True)
    (tmp_path / "hosts.yml").write_text(INVENTORY.format(python=sys.executable, state=tmp_path / "state"))

    def run(name: str, fallen: str) -> "subprocess.CompletedProcess[str]":
        program = str(Path(sys.executable).parent / "ansible-playbook")
        command = [program, "-i", str(tmp_path / "hosts.yml"), f"playbooks/{name}.yml", "-e", f"fallen='{fallen}'"]
        settings = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_ROLES_PATH": str(tmp_path / "roles")}
        environment = {**os.environ, **settings, "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    return run


def test_old_secrets_are_kept_while_a_host_lacks_the_new_ones(play: Play) -> None:
    done = play("rotate-secrets", "hv2 compute")
    assert done.returncode and "secrets did rotate" in done.stdout, done.stdout + done.stderr
    assert "hv2 did not get all new secrets" in done.stdout + done.stderr
    assert "secrets did settle" not in done.stdout


def test_a_backup_without_a_hosts_files_is_none(play: Play) -> None:
    done = play("backup", "img backup")
    assert done.returncode and "img did not tell of its images and volumes" in done.stdout + done.stderr
    assert "backup did pack" not in done.stdout
    whole = play("backup", "")
    assert not whole.returncode and "backup did pack" in whole.stdout, whole.stdout + whole.stderr
