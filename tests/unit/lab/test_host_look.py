"""What the module that looks at hosts makes of what it finds there."""

import importlib.util
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

PATH = Path(__file__).parents[3] / "roles" / "prechecks" / "library" / "host_look.py"
TASKS = PATH.parents[1] / "tasks" / "main.yml"


def load():
    spec = importlib.util.spec_from_file_location("host_look", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


host_look = load()


def test_a_release_is_read_without_its_quotes():
    said = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nID=debian\n'
    assert host_look.release(said) == {"id": "debian", "version": "13", "name": "Debian GNU/Linux 13 (trixie)"}
    assert host_look.release("") == {"id": "", "version": "", "name": ""}


def test_memory_is_all_that_there_is():
    assert host_look.memory("MemTotal:        2048000 kB\nMemFree: 1 kB\n") == 2000


def test_of_etc_hosts_what_others_wrote():
    said = """127.0.0.1 localhost
127.0.1.1 hv1.example.org hv1  # the installer's
192.0.2.99\tctl other
# BEGIN hosts of the lab
192.0.2.21 hv1
192.0.2.11 ctl
# END hosts of the lab
"""
    assert host_look.hosts(said, {"hv1", "ctl", "hv2"}) == {"hv1": ["127.0.1.1"], "ctl": ["192.0.2.99"]}


def test_who_listens_is_told_by_process_and_unit():
    with socket.socket() as squatter, socket.socket() as other:
        for one in (squatter, other):
            one.bind(("127.0.0.1", 0))
            one.listen()
        port = squatter.getsockname()[1]
        (found,) = host_look.listening({port})
    assert found["port"] == port
    assert found["process"] == Path(f"/proc/{os.getpid()}/comm").read_text().strip()
    assert list(host_look.listening({port})) == []


def test_a_port_that_systemd_opens_is_told_by_its_socket():
    said = "127.0.0.1:4369 epmd.socket epmd.service\n/run/dbus/system_bus_socket dbus.socket dbus.service\n"
    assert host_look.unit(1, 4369, said) == "epmd.socket"
    assert host_look.unit(1, 5000, said) == ""


def test_a_name_that_nobody_knows_has_no_address():
    assert host_look.resolved(["localhost", "no-such-host.invalid"])["no-such-host.invalid"] == []
    assert {"127.0.0.1", "::1"} & set(host_look.resolved(["localhost"])["localhost"])


def test_a_module_that_no_kernel_has_is_lacking():
    assert not host_look.has("no_such_module_at_all")


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_the_clock_of_who_deploys_is_right_in_every_zone(zone: str):
    """What the role hands over, as Ansible evaluates it."""
    [task] = [one for one in yaml.safe_load(TASKS.read_text()) if "host_look" in one]
    program = Path(sys.executable).parent / "ansible"
    words = [program, "localhost", "-i", "localhost,", "-c", "local", "-m", "ansible.builtin.debug"]
    environment = {**os.environ, "TZ": zone, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    begun = time.time()
    done = subprocess.run(
        [*words, "-a", f"msg={task['host_look']['now']}"], env=environment, capture_output=True, text=True, check=True
    )
    found = re.search(r"msg\W+([0-9.]+)", done.stdout)
    assert found, done.stdout
    assert begun - 1 <= float(found[1]) <= time.time() + 1
