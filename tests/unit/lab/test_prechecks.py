"""What is said of a machine that cannot carry a lab, before anything on it changes."""

import socket
from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from tinstack.lab import prechecks
from tinstack.lab.prechecks import Machine

GOOD = Machine(
    root=True,
    architecture="x86_64",
    distribution={"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)"},
    memory_gib=8.0,
    disk_gib=40.0,
    routes=((IPv4Network("192.0.2.0/24"), "eth0"),),
    interfaces=frozenset({"lo", "eth0"}),
)


def test_a_bare_debian_machine_will_do():
    assert prechecks.against_sandbox(GOOD) == []


@pytest.mark.parametrize(
    "change, said",
    [
        ({"root": False}, "needs root"),
        ({"architecture": "aarch64"}, "This machine is aarch64"),
        ({"distribution": {"ID": "fedora", "PRETTY_NAME": "Fedora Linux 40"}}, "runs Fedora Linux 40"),
        (
            {"distribution": {"ID": "debian", "VERSION_ID": "11", "PRETTY_NAME": "Debian 11"}},
            "needs Debian 12 or newer",
        ),
        ({"memory_gib": 3.2}, "3.2 GiB of memory are available; three hosts need 4 GiB"),
        ({"disk_gib": 1.0}, "1.0 GiB of disk are free"),
        ({"routes": ((IPv4Network("10.77.0.128/25"), "eth1"),)}, "10.77.0.128/25 on eth1 overlaps 10.77.0.0/24"),
    ],
)
def test_each_lack_is_one_sentence(change, said):
    (sentence,) = prechecks.against_sandbox(replace(GOOD, **change))
    assert said in sentence


@pytest.mark.parametrize(
    "distribution", [{"ID": "debian"}, {"ID": "debian", "VERSION_ID": "13"}, {"ID": "ubuntu", "ID_LIKE": "debian"}]
)
def test_testing_and_relatives_of_debian_will_do(distribution):
    assert prechecks.is_debian(distribution)


def test_a_machine_that_carries_the_lab_already_is_not_asked_for_room_again():
    ours = frozenset({"lo", "tinlab0", "tinlab1"})
    routes = ((IPv4Network("10.77.0.0/24"), "tinlab0"), (IPv4Network("10.78.0.0/24"), "tinlab1"))
    assert prechecks.against_sandbox(replace(GOOD, memory_gib=0.5, interfaces=ours, routes=routes)) == []


def test_a_broad_route_is_no_conflict():
    assert prechecks.against_sandbox(replace(GOOD, routes=((IPv4Network("10.0.0.0/8"), "vpn0"),))) == []


def test_routes_are_read_as_the_kernel_writes_them():
    table = (
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "tinlab0\t00004D0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    )
    assert list(prechecks.routes(table)) == [(IPv4Network("10.77.0.0/24"), "tinlab0")]


def test_memory_is_what_the_kernel_calls_available():
    assert prechecks.available_memory("MemTotal:       16777216 kB\nMemAvailable:    6291456 kB\n") == 6.0


def test_this_machine_can_be_looked_at():
    machine = prechecks.this_machine()
    assert machine.disk_gib > 0
    assert "lo" in machine.interfaces


def test_a_busy_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (sentence,) = prechecks.against_dev(port)
    assert f"127.0.0.1 port {port}" in sentence or f"{port}," in sentence
