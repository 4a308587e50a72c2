"""What the network does for guests and keeps from them: real guests of two tenants on both hosts."""

import base64
import contextlib
import json
import shlex
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


@contextlib.contextmanager
def nothing_let_out(tenant: Tenant) -> Iterator[None]:
    """None of its groups lets anything out for a while."""
    net = tenant.cloud.network
    gone = [one for one in net.security_group_rules(project_id=tenant.project.id) if one.direction == "egress"]
    for one in gone:
        net.delete_security_group_rule(one)
    try:
        yield
    finally:
        for one in gone:
            net.create_security_group_rule(
                security_group_id=one.security_group_id, direction="egress", ether_type=one.ether_type
            )


def test_without_a_rule_for_it_nothing_leaves_a_guest_and_flows_that_it_began_are_cut(scene: Scene) -> None:
    """What comes in is answered as ever: its rules are others."""
    with moved(scene, scene.two):
        scene.two.says("(nc -ll -p 9003 -e cat >/dev/null 2>&1 &) ; sleep 0.2")
    scene.one.says(f"(while sleep 0.2; do echo again; done | nc {SECOND} 9003 >/run/flow 2>&1 &)")

    def flows() -> bool:
        """Whether the flow brings something within two seconds."""
        before, after = scene.one.says("wc -c </run/flow; sleep 2; wc -c </run/flow").split()
        return before != after

    until(flows, "the flow is there", 60)
    with nothing_let_out(scene.left):
        until(lambda: not scene.one.reaches(SECOND), "no ping goes out", 60)
        until(lambda: not flows(), "the flow is cut", 60)
        assert not scene.one.ssh(f"echo | timeout 5 nc -w 3 {SECOND} 22").stdout
        assert scene.one.answers()
    until(lambda: scene.one.reaches(SECOND), "pings go out again", 60)
    assert scene.one.ssh(f"echo | timeout 5 nc -w 3 {SECOND} 22").stdout.startswith("SSH-")


def test_a_rule_for_udp_lets_in_that_port_of_udp_alone(scene: Scene) -> None:
    """Nobody listens there, so a guest that gets a packet says that by ICMP, which belongs to the flow."""
    assert not told_off(scene.one, 9001)
    with rule(scene.left, protocol="udp", port_range_min=9001, port_range_max=9001):
        until(lambda: told_off(scene.one, 9001), "the port is open", 60)
        assert not told_off(scene.one, 9002)
        assert dropped(scene.one, 9001), "TCP"
    until(lambda: not told_off(scene.one, 9001), "the port is closed", 60)


def told_off(guest: Guest, port: int) -> bool:
    """Whether a packet by UDP reaches a guest that has nobody at the port; a second one, as guests say few of that."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.connect((guest.floating, port))
        for _ in range(2):
            link.settimeout(2)
            try:
                link.send(b"said")
                link.recv(64)
            except ConnectionRefusedError:
                return True
            except TimeoutError:
                pass
    return False


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
    """The receiver's groups let in whoever sends it what the frames are, so it is the sender's host that drops them."""
    source, target, group = on(scene.one), on(scene.two), scene.left.ssh_group.id
    for host in (source, target):
        host.check_output(f"echo {base64.b64encode(FRAMES).decode()} | base64 -d >/run/frames.py")
    ends = f"{scene.one.port.mac_address} {scene.one.ip} {scene.two.port.mac_address} {scene.two.ip}"

    def heard(*kinds: str) -> list[str]:
        target.check_output(f"python3 /run/frames.py hear {scene.two.tap} 6 >/run/heard 2>&1 & sleep 1")
        source.check_output(f"python3 /run/frames.py send {scene.one.tap} {ends} {shlex.join(kinds)}")
        ended = "sleep 1; pgrep -f frames.py"
        said = until(lambda: target.run(ended).rc != 0 and target.check_output("cat /run/heard"), "it hears", 60)
        return str(said).splitlines()

    with rule(scene.left, protocol="udp", port_range_min=5000, port_range_max=5000):
        opened = f"nft list chain inet tinstack ingress-{group}"
        until(lambda: "5000" in target.check_output(opened), "the receiver's host has the rule", 60)
        assert heard() == ["own address", "own arp"]
        with unguarded(scene.left, scene.one, source):
            assert heard("foreign address", "foreign mac") == ["foreign address", "foreign mac"]
    until(lambda: scene.one.reaches(SECOND), "its own packets are let through", 60)


@contextlib.contextmanager
def unguarded(tenant: Tenant, guest: Guest, host: Host) -> Iterator[None]:
    """Its port has no security for a while, as its host knows."""
    net, guards = tenant.cloud.network, "nft list map bridge tinstack to"
    groups = net.get_port(guest.port).security_group_ids
    net.update_port(guest.port, security_groups=[], port_security_enabled=False)
    try:
        until(lambda: guest.tap not in host.check_output(guards), "it is not guarded", 60)
        yield
    finally:
        net.update_port(guest.port, security_groups=groups, port_security_enabled=True)
        until(lambda: guest.tap in host.check_output(guards), "it is guarded again", 60)


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


def test_a_guest_is_told_the_options_that_its_port_has_for_dhcp(scene: Scene) -> None:
    """It asks once more beside its own client, with a script that only writes down what it is told."""
    script = "#!/bin/sh\n[ $1 = bound ] && env >/run/told\ntrue\n"
    scene.one.says(f"printf '{script}' >/run/told.sh; chmod +x /run/told.sh")
    asked = (
        "rm -f /run/told; udhcpc -i eth0 -q -n -t 10 -T 1 -s /run/told.sh -O 15 -O 42 >/dev/null 2>&1; cat /run/told"
    )
    wanted = {"domain-name": "told.example.org", "ntp-server": "192.0.2.123"}
    options = [{"opt_name": name, "opt_value": value} for name, value in wanted.items()]

    def told() -> set[str]:
        said = scene.one.says(asked).splitlines()
        return {f"ip={scene.one.ip}", "domain=told.example.org", "ntpsrv=192.0.2.123"}.intersection(said)

    assert told() == {f"ip={scene.one.ip}"}
    net = scene.left.cloud.network
    net.update_port(scene.one.port, extra_dhcp_opts=options)
    until(lambda: len(told()) == 3, "its options are told", 60)
    net.update_port(scene.one.port, extra_dhcp_opts=[{"opt_name": name, "opt_value": None} for name in wanted])
    until(lambda: len(told()) == 1, "they are told no more", 60)


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
