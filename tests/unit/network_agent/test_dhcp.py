"""dnsmasq's files."""

from typing import Any

import pytest
from tests.unit.network_agent.conftest import DHCP_PORT, GUEST_PORT, lease, network, port, state

from tinstack.network.agent import dhcp
from tinstack.network.agent.fields import Malformed


def files(hosts: list[dict[str, Any]], **of_network: Any) -> dict[str, str]:
    own = port(DHCP_PORT, "tapdddddddd-aa", "network:dhcp", "192.168.50.2")
    wanted = state(networks=[network([], **of_network)], ports=[own], dhcp_hosts=hosts)
    return dhcp.server(wanted.networks[0], wanted.ports[0], wanted.dhcp_hosts, "/state/dhcp").files


def subnet(**more: Any) -> list[dict[str, Any]]:
    return [{**network([])["subnets"][0], **more}]


def test_a_guest_has_a_lease_and_a_name() -> None:
    made = files([lease()])
    assert made[f"hosts/{GUEST_PORT}"] == "fa:16:3e:00:00:11,192.168.50.11,hello\n"
    assert made[f"names/{GUEST_PORT}"] == "192.168.50.11 hello.lab.example hello\n"


@pytest.mark.parametrize("name", ["x\nfa:16:3e:00:00:99,10.0.0.1", "a,b", "", "-x", "ä", "a" * 64])
def test_a_name_that_is_none_is_made_of_the_address(name: str) -> None:
    assert (
        files([lease(hostname=name)])[f"hosts/{GUEST_PORT}"] == "fa:16:3e:00:00:11,192.168.50.11,host-192-168-50-11\n"
    )


def test_a_malformed_lease_reaches_no_file() -> None:
    with pytest.raises(Malformed):
        files([lease(ip="10.0.0.1,x")])


def test_options_say_router_names_mtu_and_routes() -> None:
    lines = files([])["dnsmasq.conf"].splitlines()
    assert "dhcp-range=set:s0,192.168.50.0,static,255.255.255.0,86400s" in lines
    assert "dhcp-option=tag:s0,3,192.168.50.1" in lines
    assert "dhcp-option=tag:s0,6,192.168.50.2" in lines
    assert "dhcp-option-force=tag:s0,26,1450" in lines
    assert "dhcp-option=tag:s0,121,169.254.169.254/32,192.168.50.2,0.0.0.0/0,192.168.50.1" in lines
    assert "domain=lab.example" in lines


def test_the_subnets_own_name_servers_and_routes_are_used() -> None:
    lines = files(
        [], subnets=subnet(dns_nameservers=["9.9.9.9", "2620:fe::fe"], host_routes=[("10.5.0.0/16", "192.168.50.9")])
    )
    assert "dhcp-option=tag:s0,6,9.9.9.9\n" in lines["dnsmasq.conf"]
    assert "121,10.5.0.0/16,192.168.50.9,169.254.169.254/32,192.168.50.2,0.0.0.0/0" in lines["dnsmasq.conf"]


def test_without_a_gateway_no_router_is_named() -> None:
    lines = files([], subnets=subnet(gateway_ip=None))["dnsmasq.conf"].splitlines()
    assert "dhcp-option=tag:s0,3" in lines
    assert "dhcp-option=tag:s0,121,169.254.169.254/32,192.168.50.2" in lines


def test_subnets_without_dhcp_are_not_served() -> None:
    assert "dhcp-range" not in files([], subnets=subnet(enable_dhcp=False))["dnsmasq.conf"]


def test_a_domain_that_is_none_is_left_out() -> None:
    assert "domain=" not in files([], dns_domain="x\nexec=/bin/sh")["dnsmasq.conf"]


def test_nothing_changed_means_nothing_to_do() -> None:
    assert dhcp.change(files([lease()]), files([lease()])) == dhcp.Change({}, [], "nothing")


def test_a_new_guest_needs_no_reload() -> None:
    assert dhcp.change(files([]), files([lease()])).then == "nothing"


def test_a_guest_that_left_or_changed_does() -> None:
    left = dhcp.change(files([lease()]), files([]))
    assert (left.remove, left.then) == ([f"hosts/{GUEST_PORT}", f"names/{GUEST_PORT}"], "reload")
    assert dhcp.change(files([lease()]), files([lease(hostname="other")])).then == "reload"


def test_another_configuration_restarts() -> None:
    assert dhcp.change(files([]), files([], mtu=1400)).then == "restart"
    assert dhcp.change({}, files([])).then == "restart"
