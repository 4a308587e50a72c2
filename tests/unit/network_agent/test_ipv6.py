"""IPv6 of tenants: what routers advertise, what DHCP answers, and options that ports ask for."""

from typing import Any

from tests.unit.network_agent.conftest import (
    DHCP_PORT,
    EXT0,
    GUEST_PORT,
    PHYSICAL,
    ROUTER,
    ROUTER_PORT,
    lease,
    network,
    port,
    router,
    state,
)

from tinstack.network.agent import dhcp, dhcp_options, release
from tinstack.network.agent.layout import Layout, lay_out
from tinstack.network.agent.model import Route

SIX = "77777777-4444-4000-8000-000000000006"


def subnet(mode: str | None, **more: Any) -> dict[str, Any]:
    return {
        "id": SIX,
        "cidr": "2001:db8:1::/64",
        "ip_version": 6,
        "gateway_ip": "2001:db8:1::1",
        "enable_dhcp": True,
        "ra_mode": mode,
        "address_mode": mode,
        **more,
    }


def laid(*subnets: dict[str, Any], **of_router: Any) -> Layout:
    inside = port(ROUTER_PORT, "qr-bbbbbbbb-aa", "network:router_interface", "192.168.50.1")
    inside["addresses"] = [{"subnet_id": one["id"], "ip": one["gateway_ip"], "prefix": 64} for one in subnets]
    wanted = router(gateway_port=None, floating=[], gateway_next_hop=None, **of_router)
    made = state(networks=[network([], subnets=list(subnets))], ports=[inside], routers=[wanted])
    return lay_out(made, "10.77.0.11", PHYSICAL, EXT0, "/state/dhcp", {})


def advertised(*subnets: dict[str, Any]) -> list[str]:
    layout = laid(*subnets)
    assert not layout.errors
    return layout.advertisers[ROUTER].splitlines()


def test_a_router_advertises_the_prefix_the_mtu_and_name_servers() -> None:
    lines = advertised(subnet("slaac", dns_nameservers=["2620:fe::fe", "9.9.9.9"]))
    assert "dhcp-range=set:s0,2001:db8:1::,ra-only,64" in lines and "enable-ra" in lines
    assert "dhcp-option=tag:s0,option6:dns-server,[2620:fe::fe]" in lines
    assert "interface=qr-bbbbbbbb-aa" in lines and "ra-param=qr-bbbbbbbb-aa,mtu:1450,60,1800" in lines
    assert "dhcp-ignore=tag:!known" in lines and "port=0" in lines


def test_it_says_whether_addresses_are_asked_for() -> None:
    assert "dhcp-range=set:s0,2001:db8:1::,static,64" in advertised(subnet("dhcpv6-stateful"))
    assert "dhcp-range=set:s0,2001:db8:1::,ra-stateless,64" in advertised(subnet("dhcpv6-stateless"))


def test_a_subnet_with_a_router_of_its_own_is_left_alone() -> None:
    assert laid(subnet(None)).advertisers == {}
    elsewhere = subnet("slaac", id="88888888-4444-4000-8000-000000000006", gateway_ip="2001:db8:2::1")
    both = laid(subnet("slaac"), elsewhere)
    assert len([line for line in both.advertisers[ROUTER].splitlines() if line.startswith("interface=")]) == 1


def test_a_router_has_a_default_route_of_each_kind() -> None:
    layout = laid(subnet("slaac"))
    assert layout.spaces[f"router-{ROUTER}"].routes == set()
    own = port("cccccccc-aaaa-4000-8000-000000000004", "qg-cccccccc-aa", "network:router_gateway", "2001:db8:9::5")
    wanted = router(interfaces=[], gateway_port=own["id"], gateway_next_hop6="2001:db8:9::1", floating=[])
    made = lay_out(state(networks=[network([])], ports=[own], routers=[wanted]), "10.77.0.11", PHYSICAL, EXT0, "/x", {})
    routes = made.spaces[f"router-{ROUTER}"].routes
    assert routes == {Route("default", "10.78.0.1", 4), Route("default", "2001:db8:9::1", 6)}


def files(mode: str | None, *hosts: dict[str, Any]) -> dict[str, str]:
    own = port(DHCP_PORT, "tapdddddddd-aa", "network:dhcp", "192.168.50.2")
    own["addresses"].append({"subnet_id": SIX, "ip": "2001:db8:1::2", "prefix": 64})
    made = state(
        networks=[network([], subnets=[*network([])["subnets"], subnet(mode)])], ports=[own], dhcp_hosts=list(hosts)
    )
    return dhcp.server(made.networks[0], made.ports[0], made.dhcp_hosts, "/state/dhcp").files


def test_dhcp_gives_addresses_where_guests_ask_for_them() -> None:
    six = lease(ip="2001:db8:1::7")
    stateful = files("dhcpv6-stateful", lease(), six)
    assert "dhcp-range=set:v0,2001:db8:1::,static,64,86400s\n" in stateful["dnsmasq.conf"]
    assert "dhcp-option=tag:v0,option6:dns-server,[2001:db8:1::2]\n" in stateful["dnsmasq.conf"]
    assert stateful[f"hosts/{GUEST_PORT}"].splitlines() == [
        "fa:16:3e:00:00:11,192.168.50.11,hello",
        "fa:16:3e:00:00:11,[2001:db8:1::7],hello",
    ]
    assert "2001:db8:1::7 hello.lab.example hello" in stateful[f"names/{GUEST_PORT}"]
    stateless = files("dhcpv6-stateless", six)
    assert "set:v0" in stateless["dnsmasq.conf"] and f"hosts/{GUEST_PORT}" not in stateless
    assert "set:v0" not in files("slaac", six)["dnsmasq.conf"]


def test_a_lease_of_ipv6_goes_by_starting_anew() -> None:
    six = lease(ip="2001:db8:1::7")
    before, after = files("dhcpv6-stateful", lease(), six), files("dhcpv6-stateful", lease())
    assert dhcp.change(before, after).then == "restart"
    assert dhcp.change(after, before).then == "reload"


def test_a_port_has_options_of_its_own() -> None:
    options = [
        ("tftp-server", "10.0.0.9", 4),
        ("bootfile-name", "pxe.0", 4),
        ("ntp-server", "2001:db8::9", 6),
        ("67", "x", 4),
    ]
    made = files(None, lease(options=options))
    assert made[f"hosts/{GUEST_PORT}"] == f"fa:16:3e:00:00:11,set:{GUEST_PORT},192.168.50.11,hello\n"
    assert made[f"options/{GUEST_PORT}"].splitlines() == [
        f"tag:{GUEST_PORT},66,10.0.0.9",
        f"tag:{GUEST_PORT},67,pxe.0",
        f"tag:{GUEST_PORT},option6:56,2001:db8::9",
        f"tag:{GUEST_PORT},67,x",
    ]
    assert {one.ip for one in release.leases(made)} == {"192.168.50.11"}
    assert "dhcp-optsdir=/state/dhcp/" in made["dnsmasq.conf"]


def test_options_that_nobody_knows_reach_no_file() -> None:
    wrong = [
        ("no-such-option", "1", 4),
        ("255", "1", 4),
        ("0", "1", 4),
        ("mtu", "1\ndhcp-script=/bin/sh", 4),
        ("mtu", '"', 4),
    ]
    assert dhcp_options.lines("t", wrong) == []
