"""From the wanted state to interfaces, namespaces and rules."""

from typing import Any

import pytest
from tests.unit.network_agent.conftest import (
    DHCP_PORT,
    EXT0,
    GATEWAY_PORT,
    GUEST_PORT,
    PHYSICAL,
    PUBLIC,
    ROUTER,
    ROUTER_PORT,
    TENANT,
    guest,
    network,
    public,
    router,
    state,
)

from tinstack.network.agent.layout import Layout, lay_out
from tinstack.network.agent.model import Route, SeenLink
from tinstack.network.agent.names import bridge
from tinstack.network.rpc import HostNetworkState

HERE = "10.77.0.12"


def laid(wanted: HostNetworkState, seen: dict[str, SeenLink] | None = None) -> Layout:
    return lay_out(wanted, HERE, PHYSICAL, EXT0 if seen is None else seen, "/state/dhcp", {})


def test_a_compute_host_has_a_bridge_a_vxlan_to_its_peers_and_the_guests_tap(compute_host: HostNetworkState) -> None:
    layout = laid(compute_host)
    links = layout.host.links
    assert list(links) == ["br7a1b2c3d-11", "vx7a1b2c3d-11", "tap11111111-aa"]
    vxlan = links["vx7a1b2c3d-11"]
    assert (vxlan.segment, vxlan.local, vxlan.peers, vxlan.mtu) == (1001, HERE, frozenset({"10.77.0.11"}), 1450)
    assert links["tap11111111-aa"].master == "br7a1b2c3d-11"
    assert set(layout.ports) == {GUEST_PORT}
    assert not layout.errors and not layout.spaces and not layout.servers


def test_a_network_host_has_a_namespace_for_the_router_and_one_for_dhcp(network_host: HostNetworkState) -> None:
    layout = laid(network_host)
    assert set(layout.spaces) == {f"router-{ROUTER}", f"dhcp-{TENANT}"}
    assert set(layout.ports) == {DHCP_PORT, ROUTER_PORT, GATEWAY_PORT}
    assert layout.doors == {f"router-{ROUTER}": [TENANT], f"dhcp-{TENANT}": [TENANT]}
    assert not layout.errors


def test_a_router_holds_its_addresses_and_the_floating_ones(network_host: HostNetworkState) -> None:
    space = laid(network_host).spaces[f"router-{ROUTER}"]
    assert space.links["lo"].addresses == ("169.254.169.254/32",)
    assert space.links["qr-bbbbbbbb-aa"].addresses == ("192.168.50.1/24",)
    assert space.links["qg-cccccccc-aa"].addresses == ("10.78.0.50/24", "10.78.0.60/32")
    assert space.routes == {Route("default", "10.78.0.1")}
    assert space.settings["ipv4/ip_forward"] == "1"


def test_a_dhcp_namespace_forwards_nothing_and_answers_for_metadata(network_host: HostNetworkState) -> None:
    space = laid(network_host).spaces[f"dhcp-{TENANT}"]
    assert space.links["tapdddddddd-aa"].addresses == ("192.168.50.2/24", "169.254.169.254/32", "fe80::a9fe:a9fe/64")
    assert space.settings["ipv4/ip_forward"] == "0"


def test_the_physical_interface_moves_into_the_flat_networks_bridge(network_host: HostNetworkState) -> None:
    assert laid(network_host).host.links["ext0"].master == "bre0e0e0e0-22"


@pytest.mark.parametrize(
    "change, seen, sentence",
    [
        ({"physical_network": "other"}, EXT0, "The physical network 'other' is not configured on this host."),
        ({}, {}, "The interface ext0 of physical network 'physnet1' is not there."),
        (
            {},
            {"ext0": SeenLink(name="ext0", addresses=frozenset({"192.0.2.7/24"}))},
            "The interface ext0 of physical network 'physnet1' has addresses of its own; it must have none.",
        ),
        (
            {},
            {"ext0": SeenLink(name="ext0", master="br0")},
            "The interface ext0 of physical network 'physnet1' belongs to the bridge br0 already.",
        ),
        ({"kind": "geneve", "segment": 5}, EXT0, "Networks of type 'geneve' are not served."),
        ({"kind": "vlan"}, EXT0, "The vlan network has no segment."),
    ],
)
def test_a_network_that_cannot_be_made_says_why(
    change: dict[str, Any], seen: dict[str, SeenLink], sentence: str
) -> None:
    layout = laid(state(networks=[public(**change)]), seen)
    assert layout.errors == {PUBLIC: sentence}
    assert "ext0" not in layout.host.links


def test_an_interface_carries_one_flat_network_only() -> None:
    other = "f0f0f0f0-2222-4000-8000-000000000002"
    layout = laid(state(networks=[public(), public(id=other)]))
    assert layout.errors == {other: f"The interface ext0 already carries the flat network {PUBLIC}."}


def test_gre_has_one_tunnel_for_each_peer() -> None:
    links = laid(state(networks=[network(["10.77.0.13", "10.77.0.11"], kind="gre")])).host.links.values()
    assert sorted(link.remote or "" for link in links if link.kind == "gretap") == ["10.77.0.11", "10.77.0.13"]


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"device": "tap0"}, "The port's device 'tap0' is not a name that this agent gives."),
        ({"device": "tap11111111-aa up\nlink del eth0"}, "is not a name that this agent gives."),
        ({"mac": "fa:16:3e:00:00:11 drop"}, "'fa:16:3e:00:00:11 drop' is no MAC address."),
        ({"addresses": [{"subnet_id": "s", "ip": "1.2.3.4 }", "prefix": 24}]}, "'1.2.3.4 }' is no IP address."),
        ({"network_id": PUBLIC}, f"The port's network {PUBLIC} is not among this host's networks."),
    ],
)
def test_a_malformed_port_is_left_out_and_said(change: dict[str, Any], sentence: str) -> None:
    layout = laid(state(networks=[network([])], ports=[guest(**change)]))
    assert sentence in layout.errors[GUEST_PORT]
    assert not layout.ports


def test_a_malformed_network_id_reaches_no_command() -> None:
    layout = laid(state(networks=[network([], id="x\nlink delete dev eth0")]))
    assert not layout.host.links and len(layout.errors) == 1


def test_a_port_without_port_security_has_no_rules() -> None:
    guarded = laid(state(networks=[network([])], ports=[guest()])).host
    free = laid(state(networks=[network([])], ports=[guest(port_security=False)])).host
    assert "from-tap11111111-aa" in guarded.tables["bridge"].chains
    assert "from-tap11111111-aa" not in free.tables["bridge"].chains
    assert '"tap11111111-aa"' in free.tables["bridge"].sets["members"].elements
    assert [space.links[bridge(TENANT)].filtered for space in (guarded, free)] == [True, False]


def test_a_guest_is_known_by_single_addresses_and_not_by_prefixes_that_others_are_in() -> None:
    pairs = [("0.0.0.0/0", "fa:16:3e:00:00:11"), ("10.9.0.9", "00:00:5e:00:01:01")]
    known = laid(state(networks=[network([])], ports=[guest(pairs=pairs[1:])])).guests[GUEST_PORT]
    assert {"192.168.50.11", "10.9.0.9", "fe80::f816:3eff:fe00:11"} < set(known.addresses)
    wide = laid(state(networks=[network([])], ports=[guest(pairs=pairs[:1])])).guests[GUEST_PORT]
    assert wide.addresses == ["192.168.50.11", "fe80::f816:3eff:fe00:11"]


def test_a_host_without_networks_has_no_rules() -> None:
    assert laid(state()).host.tables == {}


def test_a_router_whose_port_is_missing_says_so(network_host: HostNetworkState) -> None:
    wanted = state(networks=[network([])], routers=[router(gateway_port=None)])
    assert laid(wanted).errors == {ROUTER: f"The router's port {ROUTER_PORT} is not among this host's ports."}
