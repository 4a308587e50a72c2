"""One tenant with two routers and a network behind each: what leads from one to the other, and how the second one's guest gets an
IPv6 address that it can't make itself."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tenants import CIDR, FIRST, SECONDS, Guest, Tenant, tenants

from guests import until

testinfra_hosts = ["local://"]

CIDR_BEYOND, BEYOND = "10.68.0.0/24", "10.68.0.12"
CIDR6_BEYOND, BEYOND6 = "fd68::/64", "fd68::7:12"
HOPS = ("10.69.0.1", "10.69.0.2")
"""The routers' addresses in the network between them."""


@dataclass
class Scene:
    """``near`` is in the network of the first router, ``far`` in that of the second, on another host."""

    tenant: Tenant
    beyond: Any
    near: Guest
    far: Guest


@pytest.fixture(scope="module")
def scene(cloud: Callable[[str], Any], state: Path, hello: Any) -> Iterator[Scene]:
    """Both guests answer SSH, each by its own router."""
    admin = cloud("tinstack-admin")
    hosts = sorted(one.name for one in admin.compute.hypervisors())
    flavor = admin.compute.find_flavor(hello.flavor["original_name"], ignore_missing=False)
    with contextlib.ExitStack() as stack:
        key = admin.compute.create_keypair(name="routers", public_key=(state / "demo_key.pub").read_text())
        stack.callback(admin.compute.delete_keypair, key)
        (tenant,) = stack.enter_context(tenants(admin, state, hello.image.id, flavor.id, ["routers"]))
        beyond, router = second(tenant)
        join(tenant, [tenant.router, router])
        near = tenant.boot("near", hosts[0], [FIRST], key.name)
        far = tenant.boot("far", hosts[1], [BEYOND, BEYOND6], key.name, beyond)
        for guest in (near, far):
            tenant.give_floating(guest)
        for guest in (near, far):
            until(guest.answers, f"{guest.server.name} answers SSH", SECONDS)
        yield Scene(tenant, router, near, far)


def second(tenant: Tenant) -> tuple[Any, Any]:
    """A network whose guests ask for IPv6 addresses, and its router."""
    net = tenant.cloud.network
    network = net.create_network(name="beyond")
    stateful = {"ipv6_ra_mode": "dhcpv6-stateful", "ipv6_address_mode": "dhcpv6-stateful"}
    router = net.create_router(name="beyond", external_gateway_info={"network_id": tenant.public.id})
    for said in ({"ip_version": 4, "cidr": CIDR_BEYOND}, {"ip_version": 6, "cidr": CIDR6_BEYOND, **stateful}):
        subnet = net.create_subnet(name="beyond", network_id=network.id, **said)
        net.add_interface_to_router(router, subnet_id=subnet.id)
    return network, router


def join(tenant: Tenant, routers: list[Any]) -> None:
    """A network between them, in which nobody else is."""
    net = tenant.cloud.network
    between = net.create_network(name="between")
    net.create_subnet(network_id=between.id, ip_version=4, cidr="10.69.0.0/24", gateway_ip=None, enable_dhcp=False)
    for router, hop in zip(routers, HOPS, strict=True):
        port = net.create_port(network_id=between.id, fixed_ips=[{"ip_address": hop}])
        net.add_interface_to_router(router, port_id=port.id)


def test_extra_routes_of_both_routers_lead_from_one_network_to_the_other_and_nothing_else_does(scene: Scene) -> None:
    net, near, far = scene.tenant.cloud.network, scene.near, scene.far
    there, back = [
        [{"destination": cidr, "nexthop": hop}] for cidr, hop in zip((CIDR_BEYOND, CIDR), HOPS[::-1], strict=True)
    ]
    assert not near.reaches(far.ip) and not far.reaches(near.ip)
    net.update_router(scene.tenant.router, routes=there)
    assert not near.reaches(far.ip), "nothing leads back"
    net.update_router(scene.beyond, routes=back)
    # The default group lets its members in by their own addresses: the routers translate nothing on this way.
    until(lambda: near.reaches(far.ip) and far.reaches(near.ip), "the routes lead there and back", 90)
    net.update_router(scene.tenant.router, routes=[])
    until(lambda: not near.reaches(far.ip) and not far.reaches(near.ip), "they are apart again", 90)
    assert near.answers() and far.answers(), "the outside is reached as ever"


def test_a_guest_that_may_not_make_itself_an_address_gets_its_fixed_one_by_dhcp(scene: Scene) -> None:
    far, net = scene.far, scene.tenant.cloud.network
    assert far.ip6 == BEYOND6
    until(lambda: f"inet6 {BEYOND6}/128" in far.says("ip -6 addr show eth0 scope global"), "an address", 90)
    assert far.says("ip -6 addr show eth0 scope global | grep -c inet6") == "1"
    assert "via fe80:" in far.says("ip -6 route show default")
    until(lambda: far.reaches("fd68::1"), "the router answers it", 60)
    (server,) = net.ports(network_id=far.port.network_id, device_owner="network:dhcp")
    names = next(one["ip_address"] for one in server.fixed_ips if ":" in one["ip_address"])
    assert f"nameserver {names}" in far.says("cat /etc/resolv.conf").splitlines()
    assert BEYOND6 in far.says(f"nslookup far.$(sed -n 's/search //p' /etc/resolv.conf) {names} | tail -n +3")


def test_it_gets_another_when_its_port_has_another(scene: Scene) -> None:
    far, net, other = scene.far, scene.tenant.cloud.network, "fd68::8:12"
    net.update_port(far.port, fixed_ips=[{"ip_address": BEYOND}, {"ip_address": other}])
    asks = "kill $(cat /run/dhcp6c.pid); sleep 2; /etc/dhcp6 </dev/null >/dev/null 2>&1; sleep 3"
    again = f"{asks}; ip -6 addr show eth0 scope global"
    until(lambda: f"inet6 {other}/128" in far.says(again), "the new address", 90)
    until(lambda: far.reaches("fd68::1"), "the router answers it", 60)
