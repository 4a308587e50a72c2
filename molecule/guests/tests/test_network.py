"""What the network does for guests and keeps from them: real guests of two tenants on both hosts."""

import base64
import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tenants import FIRST, SECOND, SECONDS, Guest, Tenant, tenants
from testinfra.host import Host

from guests import until

testinfra_hosts = ["local://"]

AGENT = "tinstack-network-agent"
FRAMES = (Path(__file__).parent / "frames.py").read_bytes()


@dataclass
class Scene:
    """``one`` and ``two`` are of one tenant on two hosts; ``other`` is of another tenant, on the host of ``one`` and with its address."""

    left: Tenant
    right: Tenant
    one: Guest
    two: Guest
    other: Guest
    floating: Any
    admin: Any


@pytest.fixture(scope="module")
def scene(cloud: Callable[[str], Any], state: Path, hello: Any) -> Iterator[Scene]:
    """Three guests that answer SSH, the second by turns."""
    admin = cloud("tinstack-admin")
    hosts = sorted(one.name for one in admin.compute.hypervisors())
    flavor = admin.compute.find_flavor(hello.flavor["original_name"], ignore_missing=False)
    with contextlib.ExitStack() as stack:
        key = admin.compute.create_keypair(name="guests", public_key=(state / "demo_key.pub").read_text())
        stack.callback(admin.compute.delete_keypair, key)
        left, right = stack.enter_context(tenants(admin, state, hello.image.id, flavor.id, ["left", "right"]))
        one = left.boot("one", hosts[0], [FIRST], key.name)
        two = left.boot("two", hosts[1], [SECOND], key.name)
        other = right.boot("other", hosts[0], [FIRST], key.name)
        floating = left.give_floating(one)
        right.give_floating(other)
        for guest in (one, other):
            until(guest.answers, f"{guest.server.name} answers SSH", SECONDS)
        until(lambda: one.reaches(SECOND), "two is up", SECONDS)
        yield Scene(left, right, one, two, other, floating, admin)


@pytest.fixture
def on(host_named: Callable[[str], Host]) -> Callable[[Guest], Host]:
    """The host of a guest."""
    return lambda guest: host_named(guest.host)


def outside(scene: Scene) -> bool:
    """Whether the first guest's floating IP answers ping; the other tenant asks, through both routers."""
    return scene.other.reaches(scene.one.floating)


@contextlib.contextmanager
def rule(tenant: Tenant, **said: Any) -> Iterator[None]:
    """A rule of the group that lets SSH in."""
    net = tenant.cloud.network
    made = net.create_security_group_rule(security_group_id=tenant.ssh_group.id, direction="ingress", **said)
    try:
        yield
    finally:
        net.delete_security_group_rule(made)


def test_the_default_group_drops_what_comes_from_outside_and_passes_its_members(scene: Scene) -> None:
    assert scene.one.reaches(SECOND)
    assert scene.one.ssh(f"echo | timeout 5 nc -w 3 {SECOND} 22").stdout.startswith("SSH-")
    assert not outside(scene)
    assert dropped(scene.one, 7)


@contextlib.contextmanager
def moved(scene: Scene, to: Guest) -> Iterator[None]:
    """The floating IP is that guest's for a while."""
    net, public = scene.left.cloud.network, scene.floating.floating_ip_address
    net.update_ip(scene.floating, port_id=to.port.id)
    scene.one.floating, to.floating = "", public
    try:
        until(to.answers, f"the floating IP leads to {to.server.name}", 60)
        yield
    finally:
        net.update_ip(scene.floating, port_id=scene.one.port.id)
        to.floating, scene.one.floating = "", public
        until(scene.one.answers, "the floating IP leads back", 60)


def test_a_rule_opens_at_once_and_its_end_closes(scene: Scene) -> None:
    with rule(scene.left, protocol="icmp"):
        until(lambda: outside(scene), "ping is let through", 60)
    until(lambda: not outside(scene), "ping is dropped again", 60)


def test_a_revoked_rule_cuts_its_connections_and_no_others(scene: Scene) -> None:
    scene.one.says("(nc -ll -p 9000 -e cat >/dev/null 2>&1 &) ; sleep 0.2")
    with contextlib.ExitStack() as stack:
        with rule(scene.left, protocol="tcp", port_range_min=9000, port_range_max=9000):
            until(lambda: connects(scene.one, 9000), "the port is open", 60)
            link = stack.enter_context(socket.create_connection((scene.one.floating, 9000), timeout=10))
            assert echoed(link, b"before")
        until(lambda: not connects(scene.one, 9000), "the port is closed", 60)
        assert not echoed(link, b"after")
    assert scene.one.answers()


def connects(guest: Guest, port: int) -> bool:
    try:
        socket.create_connection((guest.floating, port), timeout=2).close()
    except OSError:
        return False
    return True


def dropped(guest: Guest, port: int) -> bool:
    """Whether nobody even says no."""
    try:
        socket.create_connection((guest.floating, port), timeout=3).close()
    except TimeoutError:
        return True
    except ConnectionRefusedError:
        pass
    return False


def echoed(link: socket.socket, said: bytes) -> bool:
    link.settimeout(3)
    try:
        link.sendall(said)
        return link.recv(64) == said
    except TimeoutError:
        return False


def test_tenants_with_the_same_addresses_do_not_see_each_other(scene: Scene) -> None:
    assert scene.other.ip == scene.one.ip and scene.other.host == scene.one.host
    assert scene.one.reaches(SECOND) and not scene.other.reaches(SECOND)
    assert scene.one.answers() and scene.other.answers()


def test_a_guest_can_only_be_itself(scene: Scene, on: Callable[[Guest], Host]) -> None:
    source, target = on(scene.one), on(scene.two)
    for host in (source, target):
        host.check_output(f"echo {base64.b64encode(FRAMES).decode()} | base64 -d >/run/frames.py")
    target.check_output(f"python3 /run/frames.py hear {scene.two.tap} 6 >/run/heard 2>&1 & sleep 1")
    ends = f"{scene.one.port.mac_address} {scene.one.ip} {scene.two.port.mac_address} {scene.two.ip}"
    source.check_output(f"python3 /run/frames.py send {scene.one.tap} {ends}")
    heard = until(
        lambda: target.run("sleep 1; pgrep -f frames.py").rc != 0 and target.check_output("cat /run/heard"),
        "it hears",
        60,
    )
    assert heard.splitlines() == ["own address", "own arp"]
    assert scene.one.reaches(SECOND)


def test_the_mtu_is_what_the_network_carries(scene: Scene) -> None:
    assert scene.one.says("cat /sys/class/net/eth0/mtu") == "1450" == str(scene.left.network.mtu)
    assert scene.one.reaches(SECOND, 1450 - 28)


def test_a_floating_ip_moves(scene: Scene) -> None:
    with moved(scene, scene.two):
        assert scene.two.says("ip -4 -o addr show eth0").split()[3] == f"{SECOND}/24"


def test_guests_make_themselves_the_ipv6_addresses_that_their_ports_have(scene: Scene) -> None:
    for guest in (scene.one, scene.other):
        until(lambda guest=guest: f"inet6 {guest.ip6}/64" in guest.says("ip -6 addr show eth0"), "an address", 60)  # type: ignore[misc]
    assert "via fe80:" in scene.one.says("ip -6 route show default")
    until(lambda: scene.one.reaches(scene.two.ip6), "within the default group", 60)
    assert not scene.other.reaches(scene.two.ip6)
    assert scene.one.reaches(scene.left.subnet6.gateway_ip)


def test_guests_are_told_of_themselves_by_ipv6_too(scene: Scene) -> None:
    """On their link, as the very guests that ask, though both have the same addresses."""
    url = "http://[fe80::a9fe:a9fe%eth0]/openstack/latest/meta_data.json"
    for guest in (scene.one, scene.other):
        assert json.loads(guest.says(f"timeout 20 wget -qO- '{url}'"))["uuid"] == guest.server.id


def test_ports_are_known_by_their_names_in_their_network_alone(scene: Scene) -> None:
    assert SECOND in scene.one.says("nslookup two.$(sed -n 's/search //p' /etc/resolv.conf) | tail -n +3")
    assert (
        scene.other.ssh("nslookup two.$(sed -n 's/search //p' /etc/resolv.conf) | tail -n +3 | grep 10.66").stdout == ""
    )


def test_a_port_that_is_plugged_into_a_running_guest_works_in_a_network_without_router(scene: Scene) -> None:
    net = scene.left.cloud.network
    alone = net.create_network(name="alone")
    net.create_subnet(network_id=alone.id, ip_version=4, cidr="10.67.0.0/24", gateway_ip=None)
    made = scene.left.cloud.compute.create_server_interface(scene.one.server, net_id=alone.id)
    try:
        until(lambda: scene.one.ssh("ls /sys/class/net/eth1").returncode == 0, "the guest sees its interface", 60)
        scene.one.says(
            "ip link set eth1 up; udhcpc -i eth1 -q -n -t 10 -T 1 -s /etc/udhcpc.sh -O 26 -O 121 >/dev/null 2>&1"
        )
        (fixed,) = made.fixed_ips
        assert f"inet {fixed['ip_address']}/24" in scene.one.says("ip addr show eth1")
        assert "169.254.169.254 via 10.67.0." in scene.one.says("ip route")
        document = json.loads(
            scene.one.says("timeout 10 wget -qO- http://169.254.169.254/openstack/latest/meta_data.json")
        )
        assert document["uuid"] == scene.one.server.id
    finally:
        scene.left.cloud.compute.delete_server_interface(made.port_id, server=scene.one.server)
        until(lambda: scene.one.ssh("ls /sys/class/net/eth1").returncode != 0, "the interface is unplugged", 60)
    scene.one.says("ip route del 169.254.169.254 2>/dev/null; true")


def test_a_routers_extra_route_leads_through_a_guest_that_may_speak_for_the_prefix(scene: Scene) -> None:
    net, prefix, inside = scene.left.cloud.network, "10.99.0.0/24", "10.99.0.1"
    with moved(scene, scene.two):
        scene.two.says(f"ip addr replace {inside}/32 dev lo")
    assert not scene.one.reaches(inside)
    net.update_router(scene.left.router, routes=[{"destination": prefix, "nexthop": SECOND}])
    net.update_port(scene.two.port, allowed_address_pairs=[{"ip_address": prefix}])
    until(lambda: scene.one.reaches(inside), "the route leads there and back", 60)
    net.update_port(scene.two.port, allowed_address_pairs=[])
    until(lambda: not scene.one.reaches(inside), "it may not speak for the prefix", 60)


def test_port_security_off_passes_everything(scene: Scene) -> None:
    net = scene.left.cloud.network
    groups = scene.one.port.security_group_ids
    net.update_port(scene.one.port, security_groups=[], port_security_enabled=False)
    until(lambda: outside(scene), "nothing is filtered", 60)
    net.update_port(scene.one.port, security_groups=groups, port_security_enabled=True)
    until(lambda: not outside(scene), "it is filtered again", 60)


def test_a_restart_of_the_agents_loses_no_packet_and_touches_no_rule(scene: Scene, on: Callable[[Guest], Host]) -> None:
    hosts = [on(scene.one), on(scene.two)]
    before = [host.check_output("nft -a list ruleset | grep -v 'elements\\|timeout\\|expires'") for host in hosts]
    scene.one.says(f"(ping -c 120 -i 0.1 {SECOND} >/run/flood 2>&1 &); sleep 1")
    for host in hosts:
        host.check_output(f"systemctl restart {AGENT}")
    lost = until(lambda: scene.one.ssh("grep 'packet loss' /run/flood").stdout, "the ping ends", 60)
    assert "120 packets received, 0% packet loss" in lost
    assert before == [
        host.check_output("nft -a list ruleset | grep -v 'elements\\|timeout\\|expires'") for host in hosts
    ]


def test_what_nobody_wants_any_more_goes_and_what_another_hand_changed_comes_back(
    scene: Scene, on: Callable[[Guest], Host]
) -> None:
    host = on(scene.one)
    host.check_output("ip tuntap add dev tapdeadbeef-00 mode tap")
    host.check_output("ip link add brdeadbeef-00 type bridge")
    host.check_output("nft insert rule inet tinstack to-groups accept")
    host.check_output("nft add chain inet tinstack foreign")
    host.check_output(f"systemctl restart {AGENT}")
    until(
        lambda: host.run("ip link show tapdeadbeef-00").rc and host.run("ip link show brdeadbeef-00").rc, "links go", 60
    )
    until(lambda: host.run("nft list chain inet tinstack foreign").rc, "the chain goes", 60)
    assert host.check_output("nft list chain inet tinstack to-groups | grep -c accept; true") == "0"
    assert scene.one.reaches(SECOND) and not outside(scene)


def test_nothing_is_left_on_the_hosts(scene: Scene, on: Callable[[Guest], Host]) -> None:
    """A guest that is deleted leaves no rule, no number and no connection."""
    host, port = on(scene.other), scene.other.port
    until(lambda: scene.other.answers(), "it answers", 60)
    scene.right.cloud.compute.delete_server(scene.other.server)
    scene.right.cloud.compute.wait_for_delete(scene.other.server, wait=120)
    scene.right.cloud.network.delete_port(port, ignore_missing=True)
    until(lambda: port.id[:11] not in host.check_output("nft list ruleset; ip -br link"), "rules and interface go", 60)
    assert scene.one.answers()
