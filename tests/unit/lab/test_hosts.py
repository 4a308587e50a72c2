"""How one logs in to hosts and guests of a lab."""

import pytest

from tinstack.lab import hosts
from tinstack.lab.labs import Lab

HOST = {"address": "192.0.2.11", "port": 22, "user": "", "key": "", "arguments": ""}


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)


def named(lab):
    return [line.split()[1] for line in lab.ssh_config.read_text().splitlines() if line.startswith("Host ")]


def test_a_guest_stays_known_when_hosts_come_and_go(lab):
    hosts.write_ssh_config(lab, {"ctl": HOST})
    hosts.add_guest(lab, "hello", "10.78.0.101")
    hosts.write_ssh_config(lab, {"ctl": HOST, "hv1": HOST})
    assert named(lab) == ["ctl", "hv1", "hello"]
    hosts.add_guest(lab, "hello", "10.78.0.102")
    assert named(lab) == ["ctl", "hv1", "hello"]
    assert "10.78.0.101" not in lab.ssh_config.read_text()


def test_guests_that_are_gone_are_known_no_more(lab):
    hosts.write_ssh_config(lab, {"ctl": HOST})
    hosts.add_guest(lab, "hello", "10.78.0.101")
    hosts.write_ssh_config(lab, {"ctl": HOST}, guests=False)
    assert named(lab) == ["ctl"]
