"""What is said of hosts that cannot be deployed to: each problem one sentence, all at once."""

import copy
from pathlib import Path

import pytest
import yaml

from tinstack.lab import fitness

GROUPS = ["all", "api", "compute", "network_agent"]


def wanted(host, address, groups, **other):
    return {
        "groups": groups,
        "layout": "split",
        "user": "steward",
        "address": address,
        "connection": f"{address}:22",
        "ports": [5000],
        "links": ["eth1"] if "compute" in groups else [],
        "flat_links": ["eth1"] if "compute" in groups else [],
        "kvm": False,
        "memory_mib": 900,
        "disk_mib": 4096,
        "clock_seconds": 15,
        "ignored": [],
        **other,
    }


def look(host, address, **other):
    return {
        "clock": 0.4,
        "root": True,
        "python": "3.11",
        "machine": "x86_64",
        "os": {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12 (bookworm)"},
        "systemd": True,
        "memory_mib": 2000,
        "disk_mib": 9000,
        "deployed": False,
        "machine_id": f"id of {host}",
        "hostname": host,
        "resolved": {host: ["127.0.1.1"], address: [address]},
        "hosts": {host: ["127.0.1.1"]},
        "links": {
            "eth0": {"master": "", "addresses": [address]},
            "eth1": {"master": "", "addresses": []},
        },
        "listening": [],
        "lacking": [],
        "kvm": False,
        "tun": True,
        **other,
    }


INVENTORY = {
    "ctl": wanted("ctl", "192.0.2.11", ["api"]),
    "hv1": wanted("hv1", "192.0.2.21", ["compute", "network_agent"]),
}


def found(hv1=(), ctl=(), wanted_of_hv1=(), inventory=INVENTORY, groups=GROUPS):
    """The problems of two hosts that are well but for what is given."""
    inventory = copy.deepcopy(inventory)
    inventory["hv1"].update(wanted_of_hv1)
    looks = {
        "ctl": {"seen": look("ctl", "192.0.2.11", **dict(ctl))},
        "hv1": {"seen": look("hv1", "192.0.2.21", **dict(hv1))},
    }
    return fitness.problems(inventory, looks, groups)


def test_two_bare_hosts_will_do():
    assert found() == []


@pytest.mark.parametrize(
    "hv1, sentence",
    [
        (
            {"os": {"id": "debian", "version": "11", "name": "Debian GNU/Linux 11 (bullseye)"}},
            "hv1: it runs Debian GNU/Linux 11 (bullseye); hosts need Debian 12 or newer. [os]",
        ),
        (
            {"os": {"id": "fedora", "version": "40", "name": "Fedora Linux 40"}},
            "hv1: it runs Fedora Linux 40; hosts need Debian 12 or newer. [os]",
        ),
        ({"systemd": False}, "hv1: systemd does not run it. [os]"),
        ({"python": "3.14"}, "hv1: its Python is 3.14; there are wheels for 3.11, 3.12, 3.13. [python]"),
        ({"memory_mib": 512}, "hv1: it has 512 MiB of memory; it needs 900 MiB. [memory]"),
        ({"disk_mib": 700}, "hv1: 700 MiB are free below /var/lib; it needs 4096 MiB. [disk]"),
        ({"clock": -40.5}, "hv1: its clock is 40.5 s behind this machine's: have it kept by NTP. [clock]"),
        ({"clock": 300}, "hv1: its clock is 300 s ahead of this machine's: have it kept by NTP. [clock]"),
        (
            {"listening": [{"port": 5000, "process": "nginx", "unit": "nginx.service"}]},
            "hv1: nginx.service listens on port 5000, which the lab needs. [ports]",
        ),
        (
            {"listening": [{"port": 5000, "process": "haproxy", "unit": "haproxy.service"}]},
            "hv1: haproxy.service listens on port 5000, which the lab needs. [ports]",
        ),
        (
            {"resolved": {"hv1": [], "192.0.2.21": ["192.0.2.21"]}},
            "hv1: it does not know an address of its own name hv1: add it to /etc/hosts. [names]",
        ),
        (
            {"hosts": {"ctl": ["192.0.2.99"]}},
            "hv1: its /etc/hosts gives ctl the address 192.0.2.99, the inventory 192.0.2.11. [names]",
        ),
        (
            {"hosts": {"ctl": ["127.0.1.1"]}},
            "hv1: its /etc/hosts gives ctl the address 127.0.1.1, the inventory 192.0.2.11. [names]",
        ),
        (
            {"lacking": ["vxlan"]},
            "hv1: its kernel has no vxlan: networks that reach from host to host need it. [kernel]",
        ),
        ({"machine": "aarch64"}, "hv1: its processor is aarch64; wheels and guests are for x86_64. [os]"),
        ({"tun": False}, "hv1: it has no /dev/net/tun, which guests' links need. [virtualisation]"),
        ({"root": False}, "hv1: steward is not root: set ansible_become."),
        (
            {"root": False, "listening": [{"port": 5000, "process": "", "unit": ""}]},
            "hv1: steward is not root: set ansible_become.",
        ),
    ],
)
def test_each_lack_is_one_sentence(hv1, sentence):
    assert found(hv1) == [sentence]


@pytest.mark.parametrize(
    "link, sentence",
    [
        (None, "hv1: it has no link eth1, which network_agent_physical_networks names. [links]"),
        (
            {"master": "", "addresses": ["203.0.113.7"]},
            "hv1: its link eth1 has the address 203.0.113.7; one that carries a flat network must have none. [links]",
        ),
        ({"master": "virbr0", "addresses": []}, "hv1: its link eth1 belongs to virbr0 already. [links]"),
    ],
)
def test_a_link_that_cannot_carry_a_physical_network(link, sentence):
    eth0 = {"eth0": {"master": "", "addresses": ["192.0.2.21"]}}
    assert found({"links": eth0 | ({"eth1": link} if link else {})}) == [sentence]


def test_a_link_with_vlans_alone_may_have_an_address():
    links = {"eth1": {"master": "", "addresses": ["192.0.2.21"]}}
    assert found({"links": links}, wanted_of_hv1={"flat_links": []}) == []


def test_an_address_that_is_on_no_link():
    (sentence,) = found(wanted_of_hv1={"address": "198.51.100.21"})
    assert sentence.startswith("hv1: none of its links has its management address 198.51.100.21: set tinstack_address")


def test_a_management_name_counts_by_what_it_means_on_the_host():
    resolved = {"hv1": ["127.0.1.1"], "hv1.example.org": ["192.0.2.21"]}
    assert found({"resolved": resolved}, wanted_of_hv1={"address": "hv1.example.org"}) == []


def test_a_layout_that_is_none():
    assert found(wanted_of_hv1={"layout": "merged"}) == [
        "hv1: its tinstack_layout is merged: it must be split or combined."
    ]


def test_kvm_is_needed_only_where_it_is_asked_for():
    (sentence,) = found(wanted_of_hv1={"kvm": True})
    assert sentence.startswith("hv1: it has no /dev/kvm")
    assert found({"kvm": True}, wanted_of_hv1={"kvm": True}) == []


def test_what_runs_the_lab_already_is_asked_for_less():
    ours = [
        {"port": 5000, "process": "haproxy", "unit": "haproxy.service"},
        {"port": 4369, "process": "systemd", "unit": "epmd.socket"},
        {"port": 16514, "process": "systemd", "unit": "libvirtd-tls.socket"},
        {"port": 18782, "process": "tinstack", "unit": "tinstack-compute.service"},
    ]
    bridge = {"eth0": {"master": "", "addresses": ["192.0.2.21"]}, "eth1": {"master": "br0a1b2c3d-4e", "addresses": []}}
    running = {"deployed": True, "memory_mib": 100, "disk_mib": 600, "listening": ours, "links": bridge}
    assert found(running) == []
    (sentence,) = found({**running, "disk_mib": 100})
    assert sentence == "hv1: 100 MiB are free below /var/lib; it needs 512 MiB. [disk]"
    foreign = {"port": 5000, "process": "nc", "unit": "session-3.scope"}
    (sentence,) = found({**running, "listening": [*ours, foreign]})
    assert sentence == "hv1: session-3.scope listens on port 5000, which the lab needs. [ports]"


def test_what_two_hosts_must_not_share():
    assert found({"hostname": "ctl", "resolved": {"ctl": ["127.0.1.1"], "192.0.2.21": ["192.0.2.21"]}}) == [
        "ctl and hv1 call themselves ctl: give each a host name of its own. [names]"
    ]
    (sentence,) = found({"machine_id": "id of ctl"})
    assert sentence.startswith("ctl and hv1 have the same /etc/machine-id")
    same = copy.deepcopy(INVENTORY)
    same["hv1"]["address"] = same["hv1"]["connection"] = "192.0.2.11"
    assert found(inventory=same)[0] == (
        "The inventory gives ctl and hv1 the address 192.0.2.11: each needs its own. [addresses]"
    )


def test_hosts_behind_one_address_differ_by_their_ports():
    forwarded = copy.deepcopy(INVENTORY)
    forwarded["ctl"]["connection"], forwarded["hv1"]["connection"] = "203.0.113.1:2201", "203.0.113.1:2202"
    assert found(inventory=forwarded) == []


def test_groups_that_are_missing():
    assert found(groups=["all"]) == [
        "The inventory has no host in the group api, where the APIs run. [groups]",
        "The inventory has no host in the group compute, where guests run. [groups]",
    ]


@pytest.mark.parametrize(
    "result, sentence",
    [
        (
            {"failed": True, "msg": "Task failed: Missing sudo password"},
            "hv1: steward may not become root by sudo without a password: Missing sudo password.",
        ),
        (
            {
                "unreachable": True,
                "msg": 'Task failed: Data could not be sent to remote host "192.0.2.21". Make sure this host can be reached over ssh: '
                "ssh: connect to host 192.0.2.21 port 22: No route to host",
            },
            "hv1: it cannot be reached: ssh: connect to host 192.0.2.21 port 22: No route to host.",
        ),
        (
            {"failed": True, "msg": "The module interpreter '/usr/bin/python3' was not found."},
            "hv1: it has no Python 3 where Ansible looks for it: The module interpreter '/usr/bin/python3' was not found.",
        ),
    ],
)
def test_a_host_that_cannot_be_looked_at(result, sentence):
    looks = {"ctl": {"seen": look("ctl", "192.0.2.11")}, "hv1": result}
    assert fitness.problems(INVENTORY, looks, GROUPS) == [sentence]


def test_all_problems_of_all_hosts_are_said_at_once_but_those_that_are_ignored():
    bad = {"memory_mib": 300, "clock": 99, "lacking": ["br_netfilter", "nf_tables"]}
    said = found(bad, {"disk_mib": 5}, wanted_of_hv1={"ignored": ["memory"]})
    assert [one.partition(":")[0] for one in said] == ["ctl", "hv1", "hv1", "hv1"]
    assert not any("[memory]" in one for one in said)


def test_the_example_is_spread_like_the_lab_that_tests_prove():
    root = Path(__file__).parents[3]
    example, proved = (
        yaml.safe_load((root / place / "hosts.yml").read_text())["all"]
        for place in ("inventories/example", "molecule/spread/inventory")
    )
    assert {name: len(group["hosts"]) for name, group in example["children"].items()} == {
        name: len(group["hosts"]) for name, group in proved["children"].items()
    }
    settings = yaml.safe_load((root / "inventories/example/group_vars/all.yml").read_text())
    assert settings["ansible_become"] is True
