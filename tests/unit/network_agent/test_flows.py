"""Which connections end when rules or guests go, and the kernel's table of them as bytes."""

import struct
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.network_agent.conftest import TENANT, guest, port, state

from tinstack.network.agent import conntrack, flows, guests
from tinstack.network.agent.conntrack import Connection, Tuple
from tinstack.network.agent.guests import Guest, Guests, Memory

GROUP, OTHER = (f"aaaaaaaa-0000-4000-8000-00000000000{number}" for number in (1, 2))
ONE, TWO = "11111111-aaaa-4000-8000-000000000001", "22222222-aaaa-4000-8000-000000000002"
OUT = {"direction": "egress", "ip_version": 4}
SSH = {"direction": "ingress", "ip_version": 4, "protocol": 6, "first": 22, "last": 22}


def known(*ids: str) -> Guests:
    addresses = {ONE: "192.168.50.11", TWO: "192.168.50.12"}
    return {
        id: Guest(device=f"tap{id[:11]}", network_id=TENANT, number=place, zone=1, addresses=[addresses[id]])
        for place, id in enumerate(ids, 1)
    }


def connection(src: str, dst: str, sport: int = 40000, dport: int = 22, protocol: int = 6, zone: int = 1) -> Connection:
    there = Tuple(src, dst, protocol, (sport, dport))
    return Connection(original=there, reply=Tuple(dst, src, protocol, (dport, sport)), zone=zone, family=2, key=b"")


def rules(*some: dict[str, Any], stateful: bool = True, addresses: dict[str, list[str]] | None = None) -> flows.Filter:
    two = port(TWO, "tap22222222-aa", "compute:nova", "192.168.50.12")
    wanted = state(
        ports=[guest(groups=[GROUP]), two | {"groups": [GROUP]}],
        groups=[{"id": GROUP, "stateful": stateful, "rules": list(some)}],
        addresses=[{"id": id, "addresses": given} for id, given in (addresses or {}).items()],
    )
    return flows.rules_of(wanted.ports, wanted.groups, wanted.addresses)


def ends(one: Connection, made: flows.Filter, before: Guests | None = None, now: Guests | None = None) -> bool:
    both = known(ONE, TWO)
    judged = flows.judge([one], both if before is None else before, both if now is None else now, made)
    return one in judged.ended or one in judged.gone


INBOUND = connection("10.78.0.9", "192.168.50.11")
OUTBOUND = connection("192.168.50.11", "10.78.0.9")


def test_a_connection_lives_as_long_as_a_rule_lets_it_begin() -> None:
    assert not ends(INBOUND, rules(SSH))
    assert ends(INBOUND, rules())
    assert not ends(OUTBOUND, rules(OUT))
    assert ends(OUTBOUND, rules(SSH))


@pytest.mark.parametrize(
    "rule",
    [
        SSH | {"first": 1, "last": 21},
        SSH | {"protocol": 17},
        SSH | {"ip_version": 6},
        SSH | {"prefix": "10.79.0.0/16"},
        SSH | {"remote": GROUP},
        SSH | {"remote": OTHER},
    ],
)
def test_a_rule_about_something_else_keeps_nothing_alive(rule: dict[str, Any]) -> None:
    assert ends(INBOUND, rules(rule, addresses={GROUP: ["192.168.50.12", "10.77.0.0/16"]}))


@pytest.mark.parametrize("rule", [SSH | {"prefix": "10.78.0.0/16"}, SSH | {"remote": GROUP}, SSH | {"protocol": None}])
def test_a_rule_about_it_does(rule: dict[str, Any]) -> None:
    assert not ends(INBOUND, rules(rule, addresses={GROUP: ["10.78.0.0/16", "2001:db8::/64"]}))


def test_both_ends_on_this_host_are_asked() -> None:
    between = connection("192.168.50.11", "192.168.50.12")
    assert not ends(between, rules(OUT, SSH))
    assert ends(between, rules(OUT)) and ends(between, rules(SSH))


def test_icmp_has_types_and_codes() -> None:
    echo = connection("10.78.0.9", "192.168.50.11", 8, 0, 1)
    ping = SSH | {"protocol": 1, "first": 8, "last": 0}
    assert not ends(echo, rules(ping)) and not ends(echo, rules(ping | {"last": None}))
    assert ends(echo, rules(ping | {"first": 13, "last": None})) and ends(echo, rules(ping | {"last": 1}))


def test_connections_of_a_guest_that_is_gone_end_even_if_another_has_its_address() -> None:
    everything = rules(OUT, SSH)
    assert ends(INBOUND, everything, now=known(TWO))
    heir = {TWO: Guest(device="x", network_id=TENANT, number=2, zone=1, addresses=["192.168.50.11"])}
    assert ends(INBOUND, everything, now=heir)
    assert not ends(connection("10.78.0.9", "192.168.50.11", zone=2), everything, now={})


def test_a_connection_that_may_be_again_goes_on() -> None:
    marked = replace(INBOUND, mark=flows.ENDED)
    both = known(ONE, TWO)
    assert flows.judge([marked], both, both, rules(SSH)).resumed == [marked]
    assert flows.judge([marked, INBOUND], both, both, rules()).ended == [INBOUND]
    assert flows.judge([INBOUND], both, both, rules(SSH)) == flows.Judged([], [], [])


def test_an_address_that_several_guests_may_speak_for_is_all_of_theirs() -> None:
    shared = {
        id: replace(guest, addresses=["192.168.50.11", *guest.addresses]) for id, guest in known(ONE, TWO).items()
    }
    made = rules(SSH)
    made.ports[TWO] = replace(made.ports[TWO], groups=[])
    assert not ends(INBOUND, made, before=shared, now=shared)
    assert not ends(INBOUND, rules(SSH), before=shared, now=known(ONE))
    assert ends(INBOUND, rules(), before=shared, now=shared)


def test_dhcp_and_groups_without_state_are_left_alone() -> None:
    assert not ends(connection("192.168.50.11", "192.168.50.2", 68, 67, 17), rules())
    assert not ends(INBOUND, rules(stateful=False))


def test_numbers_stay_and_the_least_free_one_is_given(tmp_path: Any) -> None:
    assert guests.numbered(["b", "a"], {}) == {"a": 1, "b": 2}
    assert guests.numbered(["c", "b"], {"a": 1, "b": 2}) == {"b": 2, "c": 3}
    memory = Memory(tmp_path)
    memory.keep(known(ONE))
    assert Memory(tmp_path).guests == known(ONE)
    (tmp_path / "guests.json").write_text("?")
    assert Memory(tmp_path).guests == {}


def attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def direction(kind: int, src: bytes, dst: bytes, *proto: tuple[int, bytes]) -> bytes:
    ends = attribute(1, src) + attribute(2, dst) if len(src) == 4 else attribute(3, src) + attribute(4, dst)
    inside = b"".join(attribute(*one) for one in proto)
    return attribute(kind | 0x8000, attribute(1 | 0x8000, ends) + attribute(2 | 0x8000, inside))


def test_a_connection_is_read_with_what_names_it_to_the_kernel() -> None:
    src, dst = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
    tcp = direction(1, src, dst, (1, b"\x06"), (2, b"\x9c\x40"), (3, b"\x00\x16"))
    back = direction(2, dst, src, (1, b"\x06"), (2, b"\x00\x16"), (3, b"\x9c\x40"))
    rest = attribute(18, b"\x00\x05") + attribute(12, b"abcd")
    one = conntrack.read(bytes([2, 0, 0, 0]) + tcp + back + attribute(8, b"\0\0\0\1") + rest)
    assert one.original == Tuple("10.0.0.1", "10.0.0.2", 6, (40000, 22)) and one.reply.src == "10.0.0.2"
    assert one.mark == 1 and one.zone == 5 and one.family == 2 and one.key == tcp + rest


def test_icmpv6_and_protocols_without_ports_are_read() -> None:
    src, dst = bytes(15) + b"\x01", bytes(15) + b"\x02"
    echo = direction(1, src, dst, (1, b"\x3a"), (7, b"\x00\x01"), (8, b"\x80"), (9, b"\x00"))
    plain = direction(2, dst, src, (1, b"\x2f"))
    one = conntrack.read(bytes([10, 0, 0, 0]) + echo + plain)
    assert one.original == Tuple("::1", "::2", 58, (128, 0)) and one.reply == Tuple("::2", "::1", 47)
    assert one.zone == 0
