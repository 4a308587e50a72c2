"""The difference between a host as it is and as it should be."""

from msgspec.structs import replace
from tests.unit.network_agent.conftest import EXT0, GUEST_PORT, PHYSICAL, ROUTER, TENANT, made, state

from tinstack.network.agent.layout import Layout, lay_out
from tinstack.network.agent.model import Line, Route, SeenLink, SeenSpace
from tinstack.network.agent.plans import announced, host_plan, missing, space_plan
from tinstack.network.rpc import HostNetworkState

INTERFACES = ["ext0"]
ROUTER_SPACE, DHCP_SPACE = f"router-{ROUTER}", f"dhcp-{TENANT}"


def laid(wanted: HostNetworkState) -> Layout:
    return lay_out(wanted, "10.77.0.12", PHYSICAL, EXT0, "/state/dhcp", {})


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


def test_from_nothing_a_compute_host_is_made_in_order(compute_host: HostNetworkState) -> None:
    plan = host_plan(SeenSpace(links=EXT0), laid(compute_host).host, INTERFACES)
    assert plan.removals == []
    assert texts(plan.additions) == [
        "link add name br7a1b2c3d-11 type bridge forward_delay 0 mcast_snooping 0 nf_call_iptables 1 nf_call_ip6tables 1",
        "link set dev br7a1b2c3d-11 addrgenmode none",
        "link set dev br7a1b2c3d-11 mtu 1450 up",
        "link add name vx7a1b2c3d-11 type vxlan id 1001 local 10.77.0.12 dstport 4789",
        "link set dev vx7a1b2c3d-11 addrgenmode none",
        "link set dev vx7a1b2c3d-11 mtu 1450 master br7a1b2c3d-11 up",
        "tuntap add dev tap11111111-aa mode tap",
        "link set dev tap11111111-aa addrgenmode none",
        "link set dev tap11111111-aa mtu 1450 master br7a1b2c3d-11 up",
    ]
    assert texts(plan.flooding) == ["fdb append 00:00:00:00:00:00 dev vx7a1b2c3d-11 dst 10.77.0.11"]
    assert {line.owner for line in plan.additions} == {TENANT, GUEST_PORT}


def test_a_second_look_plans_nothing(compute_host: HostNetworkState, network_host: HostNetworkState) -> None:
    for wanted in (compute_host, network_host):
        layout = laid(wanted)
        assert host_plan(made(layout.host), layout.host, INTERFACES).empty
        for space in layout.spaces.values():
            assert space_plan(made(space), space) == []
            assert announced(made(space), space) == []


def test_what_carries_our_names_goes_and_nothing_else() -> None:
    names = ["br7a1b2c3d-11", "vx7a1b2c3d-11", "tap11111111-aa", "qr-bbbbbbbb-aa", "qg-cccccccc-aa", "gr012345-abcdef"]
    others = ["lo", "eth0", "br0", "tap0", "vxlan0", "virbr0", "br7a1b2c3d-11x", "tap11111111", "vnet3"]
    seen = SeenSpace(links={name: SeenLink(name=name) for name in names + others})
    plan = host_plan(seen, laid(state()).host, INTERFACES)
    assert texts(plan.removals) == [f"link delete dev {name}" for name in names]
    assert not plan.additions and not plan.flooding


def test_the_physical_interface_is_given_back() -> None:
    seen = SeenSpace(links={"ext0": SeenLink(name="ext0", master="bre0e0e0e0-22", up=True)})
    assert texts(host_plan(seen, laid(state()).host, INTERFACES).removals) == ["link set dev ext0 nomaster"]


def test_a_physical_interface_in_another_bridge_is_left_there() -> None:
    seen = SeenSpace(links={"ext0": SeenLink(name="ext0", master="br0", up=True)})
    assert host_plan(seen, laid(state()).host, INTERFACES).empty


def test_a_vxlan_of_another_segment_is_made_anew(compute_host: HostNetworkState) -> None:
    layout = laid(compute_host)
    seen = made(layout.host)
    seen.links["vx7a1b2c3d-11"] = replace(
        seen.links["vx7a1b2c3d-11"], data={"id": 7, "local": "10.77.0.12", "port": 4789}
    )
    plan = host_plan(seen, layout.host, INTERFACES)
    assert texts(plan.removals) == ["link delete dev vx7a1b2c3d-11"]
    assert texts(plan.additions)[0].startswith("link add name vx7a1b2c3d-11 type vxlan id 1001")
    assert len(plan.flooding) == 1


def test_peers_that_left_are_flooded_no_more(compute_host: HostNetworkState) -> None:
    layout = laid(compute_host)
    seen = made(layout.host)
    seen.floods = {"vx7a1b2c3d-11": {"10.77.0.13"}}
    assert texts(host_plan(seen, layout.host, INTERFACES).flooding) == [
        "fdb append 00:00:00:00:00:00 dev vx7a1b2c3d-11 dst 10.77.0.11",
        "fdb delete 00:00:00:00:00:00 dev vx7a1b2c3d-11 dst 10.77.0.13",
    ]


def test_what_differs_is_set_right_and_no_more(compute_host: HostNetworkState) -> None:
    layout = laid(compute_host)
    seen = made(layout.host)
    tap = seen.links["tap11111111-aa"]
    seen.links["tap11111111-aa"] = replace(tap, mtu=1500, master=None, up=False, addresses=frozenset({"192.0.2.9/24"}))
    plan = host_plan(seen, layout.host, INTERFACES)
    assert texts(plan.additions) == [
        "address delete 192.0.2.9/24 dev tap11111111-aa",
        "link set dev tap11111111-aa mtu 1450 master br7a1b2c3d-11 up",
    ]


def test_a_veth_into_a_namespace_that_was_just_made_is_made_anew(network_host: HostNetworkState) -> None:
    layout = laid(network_host)
    plan = host_plan(made(layout.host), layout.host, INTERFACES, renewed={ROUTER_SPACE})
    assert texts(plan.removals) == ["link delete dev qr-bbbbbbbb-aa", "link delete dev qg-cccccccc-aa"]
    assert sum(text.startswith("link add") for text in texts(plan.additions)) == 2


def test_hosts_without_ipv6_are_not_asked_for_it(compute_host: HostNetworkState) -> None:
    plan = host_plan(SeenSpace(links=EXT0), laid(compute_host).host, INTERFACES, ipv6=False)
    assert not any("addrgenmode" in text for text in texts(plan.additions))


def test_hosts_without_ipv6_serve_no_metadata_by_it(network_host: HostNetworkState) -> None:
    space = laid(network_host).spaces[DHCP_SPACE]
    seen = SeenSpace(links={link.name: SeenLink(name=link.name) for link in space.links.values()})
    asked = "address add fe80::a9fe:a9fe/64 dev tapdddddddd-aa nodad"
    assert asked in texts(space_plan(seen, space))
    assert asked not in texts(space_plan(seen, space, ipv6=False))


def test_a_new_router_gets_interfaces_addresses_and_the_default_route_last(network_host: HostNetworkState) -> None:
    space = laid(network_host).spaces[ROUTER_SPACE]
    fresh = {
        link.name: SeenLink(name=link.name, mtu=link.mtu or 65536, mac=link.mac or "") for link in space.links.values()
    }
    seen = SeenSpace(links=fresh)
    assert texts(space_plan(seen, space)) == [
        "link set dev lo up",
        "address add 169.254.169.254/32 dev lo",
        "link set dev qr-bbbbbbbb-aa up",
        "address add 192.168.50.1/24 dev qr-bbbbbbbb-aa",
        "link set dev qg-cccccccc-aa up",
        "address add 10.78.0.50/24 dev qg-cccccccc-aa",
        "address add 10.78.0.60/32 dev qg-cccccccc-aa",
        "route replace default via 10.78.0.1",
    ]
    assert [ip for _, _, ip in announced(seen, space)] == ["192.168.50.1", "10.78.0.50", "10.78.0.60"]


def test_a_new_floating_address_is_one_address_and_is_announced(network_host: HostNetworkState) -> None:
    space = laid(network_host).spaces[ROUTER_SPACE]
    seen = made(space)
    gateway = seen.links["qg-cccccccc-aa"]
    seen.links["qg-cccccccc-aa"] = replace(gateway, addresses=gateway.addresses - {"10.78.0.60/32"})
    assert texts(space_plan(seen, space)) == ["address add 10.78.0.60/32 dev qg-cccccccc-aa"]
    assert announced(seen, space) == [("qg-cccccccc-aa", "fa:16:3e:00:00:cc", "10.78.0.60")]


def test_routes_are_replaced_not_removed_first(network_host: HostNetworkState) -> None:
    space = laid(network_host).spaces[ROUTER_SPACE]
    seen = made(space)
    seen.routes = {
        Route("default", "10.78.0.254"),
        Route("10.5.0.0/16", "192.168.50.9"),
        Route("fd00::/8", "fe80::1", 6),
    }
    assert texts(space_plan(seen, space)) == [
        "route delete 10.5.0.0/16 via 192.168.50.9",
        "-6 route delete fd00::/8 via fe80::1",
        "route replace default via 10.78.0.1",
    ]


def test_an_end_that_is_not_inside_is_found(network_host: HostNetworkState) -> None:
    space = laid(network_host).spaces[ROUTER_SPACE]
    seen = made(space)
    del seen.links["qr-bbbbbbbb-aa"]
    assert list(missing(seen, space).values()) == ["qr-bbbbbbbb-aa"]
