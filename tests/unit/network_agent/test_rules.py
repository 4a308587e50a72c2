"""The nftables rules of routers as text."""

from typing import Any

import pytest

from tinstack.network.agent import fields, forwarding, rules, tables
from tinstack.network.rpc import WantedForward


def router(*given: Any) -> str:
    return tables.replacement("inet", rules.router(*given))


def test_a_router_translates_floating_addresses_both_ways() -> None:
    text = router("qg-x", "10.78.0.50", True, {"10.78.0.60": "192.168.50.11"})
    assert "map fixed_of { type ipv4_addr : ipv4_addr; elements = { 10.78.0.60 : 192.168.50.11 }; }" in text
    assert "map floating_of { type ipv4_addr : ipv4_addr; elements = { 192.168.50.11 : 10.78.0.60 }; }" in text
    floating = text.index("snat ip to ip saddr map @floating_of")
    assert floating < text.index('oifname "qg-x" meta nfproto ipv4 snat ip to 10.78.0.50')


def test_a_router_without_snat_lets_addresses_through() -> None:
    text = router("qg-x", "10.78.0.50", False, {})
    assert 'oifname "qg-x" meta nfproto ipv4 snat' not in text
    assert "ct status & dnat == 0 drop" not in text


def test_the_outside_reaches_of_a_router_only_its_echo() -> None:
    text = router("qg-x", "10.78.0.50", True, {})
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
    text = router("qg-x", "10.78.0.50", True, {}, [forwarding.checked(one) for one in forwards])
    to = "ip daddr 10.78.0.61"
    assert f"{to} tcp dport 2222 dnat ip to 192.168.50.11:22\n" in text
    assert f"{to} udp dport 1000-1010 dnat ip to 192.168.50.11\n" in text
    assert f"{to} udp dport 2000-2010 dnat ip to 192.168.50.11:53\n" in text
    assert "tcp dport map { 3000 : 192.168.50.11 . 80, 3001 : 192.168.50.11 . 81 }" in text
    assert f"{to} meta l4proto 1 dnat ip to 192.168.50.11\n" in text
    mark = forwarding.marks(forwards)["10.78.0.61"]
    assert f"map forwarded {{ type ipv4_addr : mark; elements = {{ 10.78.0.61 : {mark} }}; }}" in text
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
    text = router("qg-x", "10.78.0.50", True, {}, (), {"qg-y": "10.79.0.5", "qg-z": None})
    outside = 'iifname { "qg-x", "qg-y", "qg-z" }'
    assert f"{outside} drop" in text and f"{outside} meta nfproto ipv4 ct state new" in text
    assert 'oifname "qg-y" meta nfproto ipv4 snat ip to 10.79.0.5' in text
    assert 'iifname != { "qg-x", "qg-y", "qg-z" } meta mark set 0x1' in text
