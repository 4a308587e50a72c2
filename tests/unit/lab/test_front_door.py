"""`./lab` as one types it: exit codes, usage, help, and the environment that each verb gets."""

import ast
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from tinstack.lab import labs, prechecks, shell, up
from tinstack.lab.cli import lab
from tinstack.lab.labs import Lab

HERE = Path(labs.__file__).parent
TOOLED = {"up", "destroy", "test", "env", "logs", "collect", "add-compute", "drain", "remove", "backup", "restore"} | {
    "network",
    "renew-certificates",
    "rotate-secrets",
    "reconfigure",
    "upgrade",
}


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(labs, "ROOT", tmp_path)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(lab, list(arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        ["up", "--nope"],
        ["trace"],
        ["test", "nope"],
        ["dev", "--port-base", "x"],
        ["dev", "--hosts", "-1"],
        ["up", "-i", "nope"],
    ],
)
def test_wrong_usage_is_exit_code_2(root, arguments):
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("verb", [["status"], ["verify"], ["trace", "hello"], ["env"], ["ssh", "controller"]])
def test_without_a_lab_verbs_fail_with_one_sentence(root, verb):
    result = run(*verb)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "lab: There is no lab yet: make one with `./lab up` or `./lab dev`.\n"


@pytest.mark.parametrize("verb", [["status"], ["verify"], ["trace", "hello"], ["env"]])
def test_who_may_not_read_the_state_is_told_so(root, monkeypatch, verb):
    def refused(path):
        raise PermissionError(13, "Permission denied", str(path))

    state = root / ".lab" / "sandbox"
    state.mkdir(parents=True)
    monkeypatch.setattr(Path, "read_bytes", refused)
    result = run(*verb, "--state", str(state))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"lab: {state}/clouds.yaml can't be used: Permission denied. ")
    assert result.stderr.count("\n") == 1


def test_help_teaches_the_first_steps_and_every_verb(root):
    said = run("--help").output
    assert "./lab up " in said
    assert 'eval "$(./lab env)"' in said
    for verb in lab.commands:
        assert re.search(rf"^  {verb} ", said, re.MULTILINE)
    commands = said[said.index("Commands:") :]
    assert "..." not in commands and "how full everything is" in " ".join(commands.split())


def test_help_of_backup_and_restore_says_what_the_passphrase_does(root):
    assert "FILE encrypts the backup" in " ".join(run("backup", "--help").output.split())
    said = " ".join(run("restore", "--help").output.split())
    assert "FILE decrypts the backup" in said
    assert "their servers become ERROR. `verify` names bytes that the backup has not" in said


@pytest.mark.parametrize("state", ["gone", "empty"])
def test_destroy_of_a_state_that_is_none_takes_nothing_away(root, tmp_path, monkeypatch, state):
    (root / "inventories" / "sandbox").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(up, "destroy", lambda *_, **__: pytest.fail("the sandbox would be gone"))
    result = run("destroy", "--state", str(tmp_path / state))
    assert result.exit_code == 1 and "There is no lab in" in result.stderr


def test_up_says_what_is_missing_before_it_changes_anything(root, monkeypatch):
    (root / "inventories" / "sandbox").mkdir(parents=True)
    monkeypatch.setattr(prechecks, "against_sandbox", lambda machine: ["Not here."])
    result = run("up")
    assert (result.exit_code, result.stderr) == (1, "lab: Not here.\n")
    assert not (root / ".lab").exists()


def test_env_sets_the_clouds_and_removes_what_would_win_over_them(root, monkeypatch, cloud):
    state = root / ".lab" / "my lab"
    state.mkdir(parents=True)
    cloud.write_clouds(state / "clouds.yaml")
    monkeypatch.setenv("OS_AUTH_URL", "http://elsewhere")
    monkeypatch.delenv("TINSTACK_TOOLS", raising=False)
    assert shell.lines(Lab(state)) == [
        "unset OS_AUTH_URL",
        f"export OS_CLIENT_CONFIG_FILE='{state}/clouds.yaml'",
        "export OS_CLOUD=tinstack",
    ]


def test_env_puts_the_clients_on_the_path_where_they_are_installed(root, monkeypatch, cloud):
    state = root / ".lab" / "sandbox"
    state.mkdir(parents=True)
    cloud.write_clouds(state / "clouds.yaml")
    monkeypatch.setenv("TINSTACK_TOOLS", str(root))
    assert f"export PATH={root}/.lab/bin:$PATH" in shell.lines(Lab(state))
    script = root / ".lab" / "bin" / "openstack"
    assert f"exec {root}/bin/openstack" in script.read_text()
    assert script.stat().st_mode & 0o111


def test_status_as_json_is_for_programs(root, cloud):
    state = root / ".lab" / "dev"
    state.mkdir(parents=True)
    cloud.write_clouds(state / "clouds.yaml")
    result = run("status", "--json", "--state", str(state))
    assert result.exit_code == 1  # this cloud has no services at all
    assert json.loads(result.stdout)["healthy"] is False


def test_verbs_that_need_the_tools_get_them_and_the_others_need_none():
    script = (labs.ROOT / "lab").read_text()
    verbs = re.search(r"^  ([a-z |-]+)\)\s+venv=\$tools", script, re.MULTILINE)
    assert verbs
    assert {verb.strip() for verb in verbs[1].split("|")} == TOOLED
    outside = {"ansible_runner", "yaml", "fabric", "requests", "openstack", "pytest"}
    for module in HERE.glob("*.py"):
        at_import = [
            node for node in ast.parse(module.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        names = {alias.name for node in at_import for alias in node.names} | {
            getattr(node, "module", "") for node in at_import
        }
        assert not {str(name).split(".")[0] for name in names} & outside, module


@pytest.mark.parametrize(
    "verb",
    [["destroy"], ["up"], ["up", "--check"], ["restore", "a.tar.gz"], ["network", "show", "hello"], ["remove", "hv1"]],
    ids=" ".join,
)
def test_what_is_done_with_hosts_is_not_done_with_a_dev_cloud(root, tmp_path, cloud, verb):
    (root / "inventories" / "sandbox").mkdir(parents=True)
    state = tmp_path / "dev"
    state.mkdir()
    (state / "secrets.json").touch()
    cloud.write_clouds(state / "clouds.yaml")
    there = sorted(state.rglob("*"))
    found = run(*verb, "--state", str(state))
    assert found.exit_code == 1
    assert re.fullmatch(r"lab: .* `dev` cloud, which has no hosts: .*\.\n", found.stderr), found.stderr
    assert sorted(state.rglob("*")) == there
