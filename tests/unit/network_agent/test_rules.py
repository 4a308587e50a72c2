"""The nftables rules as text."""

from typing import Any

import pytest
from tests.unit.network_agent.conftest import guest, network, state

from tinstack.network.agent import fields, forwarding, rules
from tinstack.network.rpc import WantedForward, WantedPort


def guarded(**more: object) -> str:
    wanted: WantedPort = state(networks=[network([])], ports=[guest(**more)]).ports[0]
    return rules.bridges(["tap11111111-aa", "vx7a1b2c3d-11"], [wanted])


def test_a_guest_speaks_only_with_its_own_mac_and_address() -> None:
    text = guarded()
    assert '"tap11111111-aa" : goto from-tap11111111-aa' in text
    assert "ether saddr != fa:16:3e:00:00:11 drop" in text
    assert "ether type arp arp saddr ip != { 0.0.0.0, 192.168.50.11 } drop" in text
    assert "ether type ip ip saddr != { 192.168.50.11 } drop" in text
    assert text.rstrip().endswith("drop\n  }")


def test_a_guest_serves_no_dhcp_and_advertises_no_router() -> None:
    text = guarded()
    assert "udp sport 67 udp dport 68 drop" in text
    assert "udp sport 547 udp dport 546 drop" in text
    assert "icmpv6 type { nd-router-advert, nd-redirect } drop" in text


def test_a_guest_without_addresses_may_only_ask_for_one() -> None:
    text = guarded(addresses=[])
    assert "udp sport 68 udp dport 67 accept" in text
    assert "ether type ip drop" in text and "{  }" not in text


def test_an_ipv6_guest_also_has_its_link_local_address() -> None:
    text = guarded(addresses=[{"subnet_id": "s", "ip": "2001:db8:0:0::7", "prefix": 64}])
    assert "ip6 saddr { 2001:db8::7, fe80::f816:3eff:fe00:11 } accept" in text
    assert "0x20010db8000000000000000000000007" in text


def test_link_local_address_of_a_mac() -> None:
    assert rules.link_local("52:54:00:12:34:56") == "fe80::5054:ff:fe12:3456"


def test_nothing_from_our_bridges_reaches_the_host() -> None:
    text = guarded()
    assert 'set members { type ifname; elements = { "tap11111111-aa", "vx7a1b2c3d-11" } }' in text
    assert "iifname @members drop" in text


def test_a_router_translates_floating_addresses_both_ways() -> None:
    text = rules.router("qg-x", "10.78.0.50", True, {"10.78.0.60": "192.168.50.11"})
    assert "map fixed_of { type ipv4_addr : ipv4_addr; elements = { 10.78.0.60 : 192.168.50.11 } }" in text
    assert "map floating_of { type ipv4_addr : ipv4_addr; elements = { 192.168.50.11 : 10.78.0.60 } }" in text
    floating = text.index("snat ip to ip saddr map @floating_of")
    assert floating < text.index('oifname "qg-x" meta nfproto ipv4 snat ip to 10.78.0.50')


def test_a_router_without_snat_lets_addresses_through() -> None:
    text = rules.router("qg-x", "10.78.0.50", False, {})
    assert 'oifname "qg-x" meta nfproto ipv4 snat' not in text
    assert "ct status & dnat == 0 drop" not in text


def test_the_outside_reaches_of_a_router_only_its_echo() -> None:
    text = rules.router("qg-x", "10.78.0.50", True, {})
    own = text[text.index("chain own") :]
    assert (
        own.index("ct state established,related accept")
        < own.index("{ 1, 58 } accept")
        < own.index('iifname "qg-x" drop')
    )


def test_a_router_shares_a_floating_address_out_by_ports() -> None:
    def forward(
        outside: tuple[int, int] | None, inside: tuple[int, int] | None, protocol: str = "tcp"
    ) -> WantedForward:
        return WantedForward(
            floating_ip="10.78.0.61", protocol=protocol, fixed_ip="192.168.50.11", outside=outside, inside=inside
        )

    forwards = [
        forward((2222, 2222), (22, 22)),
        forward((1000, 1010), (1000, 1010), "udp"),
        forward((2000, 2010), (53, 53), "udp"),
        forward((3000, 3001), (80, 81)),
        forward(None, None, "icmp"),
    ]
    text = rules.router("qg-x", "10.78.0.50", True, {}, [forwarding.checked(one) for one in forwards])
    to = "ip daddr 10.78.0.61"
    assert f"{to} tcp dport 2222 dnat ip to 192.168.50.11:22\n" in text
    assert f"{to} udp dport 1000-1010 dnat ip to 192.168.50.11\n" in text
    assert f"{to} udp dport 2000-2010 dnat ip to 192.168.50.11:53\n" in text
    assert "tcp dport map { 3000 : 192.168.50.11 . 80, 3001 : 192.168.50.11 . 81 }" in text
    assert f"{to} meta l4proto 1 dnat ip to 192.168.50.11\n" in text
    mark = forwarding.marks(forwards)["10.78.0.61"]
    assert f"map forwarded {{ type ipv4_addr : mark; elements = {{ 10.78.0.61 : {mark} }} }}" in text
    assert forwarding.marks(forwards[:-1])["10.78.0.61"] != mark


@pytest.mark.parametrize(
    "wrong",
    [
        {"protocol": "tcp"},
        {"protocol": "icmp", "outside": (1, 1), "inside": (1, 1)},
        {"protocol": "tcp", "outside": (5, 1), "inside": (1, 1)},
        {"protocol": "tcp", "outside": (1, 4), "inside": (1, 2)},
        {"protocol": "gre"},
        {"protocol": "tcp", "outside": (1, 1), "inside": (1, 1), "fixed_ip": "1.2.3.4; flush ruleset"},
    ],
)
def test_a_forwarding_that_makes_no_sense_becomes_no_rule(wrong: dict[str, Any]) -> None:
    one = WantedForward(**{"floating_ip": "10.78.0.61", "fixed_ip": "192.168.50.11", **wrong})
    with pytest.raises(fields.Malformed):
        forwarding.checked(one)


def test_more_gateways_are_guarded_and_translated_to_as_well() -> None:
    text = rules.router("qg-x", "10.78.0.50", True, {}, (), {"qg-y": "10.79.0.5", "qg-z": None})
    outside = 'iifname { "qg-x", "qg-y", "qg-z" }'
    assert f"{outside} drop" in text and f"{outside} meta nfproto ipv4 ct state new" in text
    assert 'oifname "qg-y" meta nfproto ipv4 snat ip to 10.79.0.5' in text
    assert 'iifname != { "qg-x", "qg-y", "qg-z" } meta mark set 0x1' in text
