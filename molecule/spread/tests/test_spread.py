"""A lab of many kinds of hosts does what one of two kinds does: guests, floating IPs and volumes on every compute host."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from guests import answers, in_guest, until

testinfra_hosts = ["local://"]

COMPUTES = ("s-compute1", "s-compute2")
PYTHONS = {"s-controller": "3.13", "s-network": "3.11", "s-volume": "3.11", "s-compute1": "3.11", "s-compute2": "3.13"}
"""What the hosts' releases have."""

RUNS = {
    "s-controller": {"api", "conductor", "console", "identity", "image", "placement", "scheduler"},
    "s-network": {"network", "network-agent"},
    "s-volume": {"volume"},
    "s-compute1": {"compute", "network-agent"},
    "s-compute2": {"compute", "network-agent"},
}
SEEN = 'for d in /sys/block/*; do [ "$(cat $d/serial 2>/dev/null)" = {serial} ] && echo /dev/${{d##*/}}; done; true'
KEPT = (
    "dd if=/dev/urandom of=/run/sent bs=64k count=16 2>/dev/null && dd if=/run/sent of={disk} bs=64k oflag=direct 2>/dev/null \
 && dd if={disk} bs=64k count=16 iflag=direct 2>/dev/null | cmp - /run/sent && echo kept"
)


@dataclass
class Project:
    """The demo project, used by an administrator, who may say where a guest is to run."""

    cloud: Any
    guests: dict[str, Any]


@pytest.fixture(scope="module")
def project(cloud: Callable[[str], Any], state: Path) -> Iterator[Project]:
    """A guest with a floating IP on each compute host; all is removed in the end."""
    member = cloud("tinstack")
    admin = cloud("tinstack-admin")
    role = admin.identity.find_role("admin", ignore_missing=False)
    granted = (member.current_project_id, admin.current_user_id, role)
    admin.identity.assign_project_role_to_user(*granted)
    as_admin = admin.connect_as_project(admin.identity.get_project(member.current_project_id))
    compute, net = as_admin.compute, as_admin.network
    key = compute.create_keypair(name="spread", public_key=member.compute.get_keypair("demo").public_key)
    network, public = net.find_network("demo-net"), net.find_network("public")
    image, flavor = as_admin.image.find_image("tiny").id, compute.find_flavor("t1.nano").id
    servers, floating = {}, []
    try:
        for name in COMPUTES:
            servers[name] = compute.create_server(
                name=f"on-{name}",
                image_id=image,
                flavor_id=flavor,
                key_name="spread",
                networks=[{"uuid": network.id}],
                availability_zone=f"nova:{name}",
            )
        for name, server in servers.items():
            compute.wait_for_server(server, wait=240)
            port = next(iter(net.ports(device_id=server.id)))
            floating.append(net.create_ip(floating_network_id=public.id, port_id=port.id))
            servers[name] = until(
                lambda id=server.id: with_floating(compute.get_server(id)), "the server shows its address"
            )
        yield Project(as_admin, servers)
    finally:
        for server in servers.values():
            compute.delete_server(server, ignore_missing=True)
        for server in servers.values():
            compute.wait_for_delete(server, wait=240)
        for address in floating:
            net.delete_ip(address)
        compute.delete_keypair(key)
        admin.identity.unassign_project_role_from_user(*granted)


def with_floating(server: Any) -> Any:
    """The server, once it tells its floating IP."""
    kinds = {one["OS-EXT-IPS:type"] for addresses in server.addresses.values() for one in addresses}
    return server if "floating" in kinds else None


@pytest.mark.parametrize("name", RUNS)
def test_each_host_runs_what_it_is_named_for_and_nothing_else(name: str, host: Callable[[str], Host]) -> None:
    said = host(name).check_output("systemctl list-units --plain --no-legend --state=running 'tinstack-*.service'")
    units = {line.split()[0].removeprefix("tinstack-").removesuffix(".service") for line in said.splitlines()}
    assert {unit for unit in units if "@" not in unit} == RUNS[name]


@pytest.mark.parametrize("name", RUNS)
def test_nobody_signs_in_as_root(name: str, host: Callable[[str], Host]) -> None:
    assert host(name).check_output("sshd -T | grep -i '^permitrootlogin'") == "permitrootlogin no"
    assert not host(name).file("/root/.ssh/authorized_keys").exists


@pytest.mark.parametrize("name", PYTHONS)
def test_a_host_has_the_wheels_of_its_own_python(name: str, host: Callable[[str], Host]) -> None:
    assert host(name).check_output("/opt/tinstack/venv/bin/python --version").startswith(f"Python {PYTHONS[name]}.")


@pytest.mark.parametrize("name", COMPUTES)
def test_a_guest_runs_on_each_compute_host(name: str, project: Project, host: Callable[[str], Host]) -> None:
    server = project.guests[name]
    assert (server.status, server.hypervisor_hostname) == ("ACTIVE", name)
    assert server.id in host(name).check_output("virsh --readonly list --uuid")


@pytest.mark.parametrize("name", COMPUTES)
def test_its_floating_ip_answers_through_the_network_host(
    name: str, project: Project, state: Path, host: Callable[[str], Host]
) -> None:
    until(lambda: answers(project.guests[name], state), f"the guest on {name} answers")
    assert in_guest(project.guests[name], state, "hostname") == f"on-{name}"
    routers = {one: host(one).check_output("ls /run/netns 2>/dev/null || true").count("router-") for one in RUNS}
    assert routers.pop("s-network") == 1
    assert set(routers.values()) == {0}


def test_guests_on_both_releases_reach_each_other(project: Project, state: Path) -> None:
    one, other = project.guests.values()
    addresses = [one["addr"] for one in other.addresses["demo-net"] if one["OS-EXT-IPS:type"] == "fixed"]
    until(lambda: answers(one, state), "the guest answers")
    assert "0% packet loss" in until(lambda: pinged(one, addresses[0], state), "the other one answers")


def pinged(server: Any, address: str, state: Path) -> str:
    """What a ping of full packets says where none is lost."""
    said = in_guest(server, state, f"ping -c 3 -W 2 -s 1400 {address} || true")
    return said if " 0% packet loss" in said else ""


@pytest.mark.parametrize("name", COMPUTES)
def test_a_volume_of_the_volume_host_attaches_on_each_compute_host(name: str, project: Project, state: Path) -> None:
    server, storage, compute = project.guests[name], project.cloud.block_storage, project.cloud.compute
    until(lambda: answers(server, state), "the guest answers")
    volume = storage.create_volume(size=1, name=f"of-{name}")
    try:
        storage.wait_for_status(volume, "available", wait=120)
        compute.create_volume_attachment(server.id, volume_id=volume.id)
        storage.wait_for_status(volume, "in-use", wait=120)
        disk = until(lambda: in_guest(server, state, SEEN.format(serial=volume.id[:20])), "the guest sees the volume")
        assert in_guest(server, state, KEPT.format(disk=disk)) == "kept"
        assert storage.get_volume(volume.id).host.startswith("s-volume@")
        compute.delete_volume_attachment(server.id, volume.id)
        storage.wait_for_status(volume, "available", wait=120)
    finally:
        storage.delete_volume(volume, ignore_missing=True)
