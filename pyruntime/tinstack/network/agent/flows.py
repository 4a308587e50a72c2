"""Connections that rules don't let begin any more: they are to end, or they would go on for as long as they talk. Pure functions.

They are marked and the rules drop what is marked. Were they deleted, the next packet of the end that may begin one would be
taken for the first of a new one, and all would go on.
"""

import ipaddress
from collections.abc import Iterable, Sequence

import msgspec

from tinstack.network.agent import groups
from tinstack.network.agent.conntrack import Connection, Tuple
from tinstack.network.agent.groups import EGRESS, INGRESS
from tinstack.network.agent.guests import Guests
from tinstack.network.rpc import WantedAddresses, WantedGroup, WantedPort, WantedRule

ENDED = 1
"""The mark; connections of guests have no other."""

ALWAYS = {(17, 68, 67), (17, 67, 68), (17, 546, 547), (17, 547, 546)}
"""DHCP: protocol, source and destination port."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Filter(msgspec.Struct):
    """What guests may do: their ports by id, groups and addresses likewise."""

    ports: dict[str, WantedPort]
    groups: dict[str, WantedGroup]
    addresses: dict[str, WantedAddresses]

    def allows(self, port_id: str, direction: str, flow: Tuple) -> bool:
        """Whether a first packet may pass at that port; ports that are not filtered here let all pass."""
        port = self.ports.get(port_id)
        if port is None or _always(flow):
            return True
        rules = (
            rule
            for id in port.groups
            if id in self.groups
            for rule in self.groups[id].rules
            if rule.direction == direction
        )
        other = ipaddress.ip_address(flow.src if direction == INGRESS else flow.dst)
        return any(_fits(rule, flow, other) and self._knows(rule, other) for rule in rules)

    def stateful(self, port_id: str) -> bool:
        """Whether connections of the port are what its rules are about."""
        there = (
            [self.groups[id] for id in self.ports[port_id].groups if id in self.groups] if port_id in self.ports else []
        )
        return all(group.stateful for group in there)

    def _knows(self, rule: WantedRule, other: Address) -> bool:
        if rule.remote:
            there = self.addresses.get(rule.remote)
            return there is not None and _among(other, there.addresses)
        return not rule.prefix or _among(other, [rule.prefix])


class Judged(msgspec.Struct):
    """``gone``: of guests that are gone; ``ended``: that rules let begin no more; ``resumed``: that they do again."""

    gone: list[Connection]
    ended: list[Connection]
    resumed: list[Connection]

    def said(self) -> str:
        """For the log."""
        counts = {"of guests that are gone": self.gone, "ended": self.ended, "let go on": self.resumed}
        return ", ".join(f"{len(some)} {what}" for what, some in counts.items() if some)


def judge(found: Iterable[Connection], before: Guests, now: Guests, rules: Filter) -> Judged:
    """Of all connections those for which something is to be done."""
    old, new = _Places(before), _Places(now)
    judged = Judged([], [], [])
    for one in found:
        flow, allowed, gone, concerned = one.original, True, False, False
        for direction, ip in ((EGRESS, flow.src), (INGRESS, flow.dst)):
            had, has = old.owners(one.zone, ip), new.owners(one.zone, ip)
            gone = gone or (bool(had) and not had & has)
            if has and all(rules.stateful(id) for id in has):
                concerned = True
                allowed = allowed and any(rules.allows(id, direction, flow) for id in has)
        if gone:
            judged.gone.append(one)
        elif not allowed and one.mark != ENDED:
            judged.ended.append(one)
        elif concerned and allowed and one.mark == ENDED:
            judged.resumed.append(one)
    return judged


class _Places:
    """Whose an address is in a zone; allowed address pairs may make it several guests'."""

    def __init__(self, guests: Guests) -> None:
        self._owners: dict[tuple[int, str], set[str]] = {}
        for port_id, guest in guests.items():
            for ip in guest.addresses:
                self._owners.setdefault((guest.zone, ip), set()).add(port_id)

    def owners(self, zone: int, ip: str) -> set[str]:
        return self._owners.get((zone, ip), set())


def _always(flow: Tuple) -> bool:
    return flow.ports is not None and (flow.protocol, *flow.ports) in ALWAYS


def _among(ip: Address, prefixes: Sequence[str]) -> bool:
    text = str(ip)
    return any(text == one if "/" not in one else ip in ipaddress.ip_network(one) for one in prefixes)


def _fits(rule: WantedRule, flow: Tuple, other: Address) -> bool:
    if rule.ip_version != other.version:
        return False
    protocol = groups.protocol_of(rule)
    if protocol is None:
        return True
    if protocol != flow.protocol:
        return False
    if flow.ports is None:
        return True
    if protocol in groups.ICMP.values():
        wanted = (rule.first, rule.last if rule.first is not None else None)
        return all(want in (None, is_) for want, is_ in zip(wanted, flow.ports, strict=True))
    span = groups.ports_of(rule) if protocol in groups.PORTED else None
    return span is None or span[0] <= flow.ports[1] <= span[1]


def rules_of(
    ports: Iterable[WantedPort], wanted: Iterable[WantedGroup], addresses: Iterable[WantedAddresses]
) -> Filter:
    """The filter of a wanted state."""
    return Filter(
        {port.id: port for port in ports}, {group.id: group for group in wanted}, {one.id: one for one in addresses}
    )
