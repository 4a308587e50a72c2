"""The stock `openstack` client with what the network service has beyond networks, routers and groups."""

from typing import Any

import pytest
from tests.api.clients.test_openstack_client import Shell, client

__all__ = ["client"]

ADMIN = "tinstack-admin"


@pytest.fixture
def net(client: Shell) -> Any:
    """A network with a subnet, a router to the outside and a port, of the demo user."""
    client.ok("network create breadth")
    client.ok("subnet create breadth --network breadth --subnet-range 10.99.0.0/24")
    client.ok("router create breadth --external-gateway public")
    client.ok("router add subnet breadth breadth")
    port = client.json("port create breadth --network breadth")
    yield port
    client.ok("port delete breadth")
    client.ok("router remove subnet breadth breadth")
    client.ok("router delete breadth")
    client.ok("network delete breadth")


def test_agents_serve_what_they_are_asked_to(client: Shell, net: Any) -> None:
    agents = client.json("network agent list --router breadth", ADMIN)
    assert [agent["Agent Type"] for agent in agents] == ["L3 agent"]
    l3 = agents[0]["ID"]
    client.admin(f"network agent remove router --l3 {l3} breadth")
    assert client.json("network agent list --router breadth", ADMIN) == []
    client.admin(f"network agent add router --l3 {l3} breadth")
    dhcp = client.json("network agent list --network breadth", ADMIN)[0]["ID"]
    client.admin(f"network agent remove network --dhcp {dhcp} breadth")
    client.admin(f"network agent add network --dhcp {dhcp} breadth")
    assert "breadth" in [one["Name"] for one in client.json(f"network list --agent {dhcp}", ADMIN)]
    client.admin(f"network agent set --description mine {l3}")
    assert client.json(f"network agent show {l3}", ADMIN)["description"] == "mine"
    zones = client.json("availability zone list --network")
    assert {zone["Zone Name"] for zone in zones} == {"nova"}
    shown = client.json("ip availability show breadth", ADMIN)
    assert shown["network_name"] == "breadth" and shown["used_ips"] >= 2


def test_ports_are_forwarded(client: Shell, net: Any) -> None:
    floating = client.json("floating ip create public")["id"]
    address = net["fixed_ips"][0]["ip_address"]
    where = f"--internal-ip-address {address} --port breadth --internal-protocol-port 22"
    made = client.json(
        f"floating ip port forwarding create {floating} {where} --external-protocol-port 2222 --protocol tcp"
    )
    client.ok(f"floating ip port forwarding set {floating} {made['id']} --internal-protocol-port 23")
    shown = client.json(f"floating ip port forwarding show {floating} {made['id']}")
    assert (shown["internal_port"], shown["external_port"]) == (23, 2222)
    assert len(client.json(f"floating ip port forwarding list {floating}")) == 1
    client.ok(f"floating ip port forwarding delete {floating} {made['id']}")
    client.ok(f"floating ip delete {floating}")
    helper = client.json("network l3 conntrack helper create --helper tftp --protocol udp --port 69 breadth")
    assert len(client.json("network l3 conntrack helper list breadth")) == 1
    client.ok(f"network l3 conntrack helper delete breadth {helper['id']}")


def test_operators_set_things_up(client: Shell) -> None:
    client.admin("network meter create counted")
    rule = client.json("network meter rule create counted --remote-ip-prefix 10.0.0.0/24", ADMIN)
    assert client.json(f"network meter rule show {rule['id']}", ADMIN)["direction"] == "ingress"
    client.admin("network meter delete counted")
    profile = client.json("network flavor profile create --metainfo m", ADMIN)["id"]
    client.admin("network flavor create breadth --service-type L3_ROUTER_NAT")
    client.admin(f"network flavor add profile breadth {profile}")
    assert client.json("network flavor show breadth", ADMIN)["service_profile_ids"] == [profile]
    client.admin(f"network flavor remove profile breadth {profile}")
    client.admin("network flavor delete breadth")
    client.admin(f"network flavor profile delete {profile}")
    assert {"single_node", "ha"} <= {one["Name"] for one in client.json("network service provider list")}
    made = client.json("default security group rule create --protocol tcp --dst-port 22 --for-custom-sg", ADMIN)
    assert client.json(f"default security group rule show {made['id']}")["used_in_non_default_sg"] is True
    client.admin(f"default security group rule delete {made['id']}")
    span = "--network-type vxlan --minimum 70000 --maximum 70009"
    client.admin(f"network segment range create breadth --shared {span}")
    client.admin("network segment range set breadth --minimum 70000 --maximum 70019")
    assert client.json("network segment range show breadth", ADMIN)["available"] == ["70000-70019"]
    client.admin("network segment range delete breadth")


def test_segments_of_networks(client: Shell, net: Any) -> None:
    first = client.json("network segment list --network breadth", ADMIN)
    assert [one["Network Type"] for one in first] == ["vxlan"]
    client.admin("network segment create second --network breadth --network-type vlan --physical-network physnet1")
    client.admin("network segment set second --description more")
    assert client.json("network segment show second", ADMIN)["description"] == "more"
    client.admin("network segment delete second")


def test_a_network_is_made_for_who_asks(client: Shell) -> None:
    client.ok("network auto allocated topology create --check-resources")
    made = client.json("network auto allocated topology create")["id"]
    assert client.json(f"network show {made}")["name"] == "auto_allocated_network"
    client.ok("network auto allocated topology delete")
    assert client.json("network list --name auto_allocated_network") == []
