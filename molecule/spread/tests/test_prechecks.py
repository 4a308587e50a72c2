"""What keeps hosts from being deployed to is planted on them and in their inventory; one command says all of it, and changes nothing."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from testinfra.host import Host

from guests import verb

testinfra_hosts = ["local://"]

# Hosts share this machine's clock, so one that is off is off for the programs of that host's Python alone.
PLANTED = {
    "a clock": (
        "s-network",
        "cp -p /etc/python3.11/sitecustomize.py /root/; "
        "echo 'import time; true = time.time; time.time = lambda: true() + 300' >>/etc/python3.11/sitecustomize.py",
        "cp -p /root/sitecustomize.py /etc/python3.11/; rm /root/sitecustomize.py",
    ),
    "a release": (
        "s-network",
        "cp -p /usr/lib/os-release /root/; sed -i s/12/11/ /usr/lib/os-release",
        "cp -p /root/os-release /usr/lib/; rm /root/os-release",
    ),
    "a port": (
        "s-controller",
        "systemd-run --quiet --unit=squatter python3 -m http.server 5000 --bind 127.0.0.9; "
        "for n in $(seq 100); do ss -Hltn src 127.0.0.9:5000 | grep -q . && break; sleep 0.1; done",
        "systemctl stop squatter",
    ),
    "a link's address": (
        "s-compute1",
        "ip address add 203.0.113.9/24 dev ext0",
        "ip address delete 203.0.113.9/24 dev ext0",
    ),
    "a name": (
        "s-compute1",
        "cp -p /etc/hosts /root/; sed -i '1i 203.0.113.5 s-volume' /etc/hosts",
        "cat /root/hosts >/etc/hosts; rm /root/hosts",
    ),
    "a host's own name": ("s-compute2", "hostname s-compute1", "hostname s-compute2"),
    "a copied machine": (
        "s-compute2",
        "cp -p /etc/machine-id /root/; echo {machine_id} >/etc/machine-id",
        "cat /root/machine-id >/etc/machine-id; rm /root/machine-id",
    ),
    "a user without sudo": (
        "s-volume",
        "useradd --create-home novice; cp -r /home/steward/.ssh /home/novice/; chown -R novice: /home/novice",
        "userdel --force --remove novice",
    ),
}
"""Where, how it is planted, and how it is taken away again."""

SAID_IN_THE_INVENTORY = {
    "all": {
        "hosts": {
            "s-volume": {"ansible_user": "novice"},
            "s-network": {"network_agent_physical_networks": {"physnet1": "eth9"}, "ansible_become": False},
            "s-compute1": {"compute_virt_type": "kvm"},
            "s-compute2": {"tinstack_address": "10.85.0.14"},
            "s-nowhere": {"ansible_host": "10.85.0.99", "ansible_ssh_extra_args": "-o ConnectTimeout=4"},
        },
        "children": {"compute": {"hosts": {"s-nowhere": {}}}},
    }
}

SENTENCES = (
    "The inventory gives s-compute1 and s-compute2 the address 10.85.0.14: each needs its own.",
    "s-network: it runs Debian GNU/Linux 11 (bookworm); hosts need Debian 12 or newer.",
    "s ahead of this machine's: have it kept by NTP.",
    "s-controller: squatter.service listens on port 5000, which the lab needs.",
    "s-network: steward is not root: set ansible_become.",
    "s-network: it has no link eth9, which network_agent_physical_networks names.",
    "s-compute1: its link ext0 has the address 203.0.113.9; one that carries a flat network must have none.",
    "s-compute1: its /etc/hosts gives s-volume the address 203.0.113.5, the inventory 10.85.0.13.",
    "s-compute1: it has no /dev/kvm",
    "s-compute2: none of its links has its management address 10.85.0.14",
    "s-compute1 and s-compute2 call themselves s-compute1: give each a host name of its own.",
    "s-compute1 and s-compute2 have the same /etc/machine-id",
    "s-volume: novice may not become root by sudo without a password",
    "s-nowhere: it cannot be reached",
)


def says(inventory: Path, state: Path) -> tuple[int, str]:
    """The exit code of ``./lab up --check`` and its words."""
    done = verb(inventory, state, "up", "--check")
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def planted(host: Callable[[str], Host]) -> Iterator[None]:
    """All of it on the hosts, taken away in the end."""
    machine_id = host("s-compute1").file("/etc/machine-id").content_string.strip()
    with ExitStack() as undo:
        for name, plant, take_away in PLANTED.values():
            undo.callback(host(name).check_output, "sh -c %s", take_away)
            host(name).check_output("sh -euc %s", plant.replace("{machine_id}", machine_id))
        yield


def test_a_lab_that_runs_is_fit(inventory: Path, tmp_path: Path) -> None:
    code, said = says(inventory, tmp_path)
    assert code == 0, said
    assert "nothing that is needed is missing" in said


@pytest.mark.usefixtures("planted")
def test_all_that_is_wrong_with_all_hosts_is_said_at_once(inventory: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(inventory, broken)
    (broken / "planted.json").write_text(json.dumps(SAID_IN_THE_INVENTORY))
    code, said = says(broken, tmp_path / "state")
    assert code == 1, said
    assert [sentence for sentence in SENTENCES if sentence not in said] == [], said
    recap = [line for line in (tmp_path / "state/logs/prechecks.log").read_text().splitlines() if "changed=" in line]
    assert len(recap) == 7
    assert all("changed=0 " in line for line in recap)


def test_groups_without_hosts_are_told(inventory: Path, tmp_path: Path) -> None:
    lone = tmp_path / "lone"
    lone.mkdir()
    shutil.copytree(inventory / "group_vars", lone / "group_vars")
    (lone / "hosts.yml").write_text("all: {hosts: {s-volume: {ansible_host: 10.85.0.13}}}\n")
    code, said = says(lone, tmp_path / "state")
    assert code == 1, said
    assert "The inventory has no host in the group api, where the APIs run." in said
    assert "The inventory has no host in the group compute, where guests run." in said
