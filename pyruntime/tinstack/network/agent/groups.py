"""Security groups as chains: one per group and direction, shared by all ports that have the group.

The other side of a rule is a prefix, or all addresses of a group; those are elements of a set, so that a guest that comes or
goes changes no rule.
"""

import hashlib
from collections.abc import Mapping, Sequence

from tinstack.core.errors import ApiError
from tinstack.network.agent import fields, names
from tinstack.network.agent.spoofing import Network, written
from tinstack.network.agent.tables import Chain, Set, Table, a_set
from tinstack.network.rpc import WantedAddresses, WantedGroup, WantedRule

INGRESS, EGRESS = "ingress", "egress"
DIRECTIONS = (INGRESS, EGRESS)
ICMP = {4: 1, 6: 58}
PORTED = {6, 17, 33, 132, 136}
"""TCP, UDP, DCCP, SCTP, UDP-Lite."""
_SET_TYPE = {4: "type ipv4_addr", 6: "type ipv6_addr"}


class Remote:
    """The addresses that a rule's other side may have, as a set holds them and, where they are prefixes, as a rule does."""

    def __init__(self, wanted: WantedAddresses) -> None:
        if not names.UUID.fullmatch(wanted.id):
            raise fields.Malformed(f"The id '{wanted.id}' of some addresses is no UUID.")
        self.id = wanted.id
        nets = [fields.network(one) for one in wanted.addresses]
        self.single = {net for net in nets if net.prefixlen == net.max_prefixlen}
        self.prefixes = sorted(set(nets) - self.single, key=str)

    def set_name(self, version: int) -> str:
        """Its set of that IP version."""
        return f"of-{self.id}-{version}"

    def sets(self) -> dict[str, Set]:
        """One for each IP version."""
        return {
            self.set_name(version): a_set(kind, [written(net) for net in self.single if net.version == version])
            for version, kind in _SET_TYPE.items()
        }

    def matches(self, version: int, side: str) -> list[str]:
        """One rule for each."""
        family = "ip" if version == 4 else "ip6"
        texts = [f"{family} {side} @{self.set_name(version)}"]
        return texts + [_prefix(net, side) for net in self.prefixes if net.version == version]


def chain_name(direction: str, group_id: str) -> str:
    """Of a group's chain."""
    return f"{direction}-{group_id}"


def chains(groups: Sequence[WantedGroup], remotes: Mapping[str, Remote]) -> tuple[Table, dict[str, str]]:
    """The chains of groups with the sets that they need; and group → why it is left out, so that nothing passes by it."""
    found, errors = Table({}, {}), {}
    for group in groups:
        try:
            made = _of_group(group, remotes)
        except ApiError as error:
            errors[group.id] = error.text
            continue
        found.chains.update(made)
    for remote in remotes.values():
        found.sets.update(remote.sets())
    return found, errors


def _of_group(group: WantedGroup, remotes: Mapping[str, Remote]) -> dict[str, Chain]:
    if not names.UUID.fullmatch(group.id):
        raise fields.Malformed(f"The security group's id '{group.id}' is no UUID.")
    lines: dict[str, dict[str, None]] = {direction: {} for direction in DIRECTIONS}
    for rule in group.rules:
        if rule.direction in lines and not (rule.remote and rule.remote not in remotes):
            lines[rule.direction] |= dict.fromkeys(texts(rule, remotes.get(rule.remote or "")))
    return {chain_name(direction, group.id): Chain(tuple(some)) for direction, some in lines.items()}


def texts(rule: WantedRule, remote: Remote | None) -> list[str]:
    """The nft rules of one rule. Raises Malformed."""
    side = "saddr" if rule.direction == INGRESS else "daddr"
    if remote is not None:
        others = remote.matches(rule.ip_version, side)
    elif rule.prefix:
        others = [_prefix(fields.network(rule.prefix), side)]
    else:
        others = [f"meta nfproto ipv{rule.ip_version}"]
    what = _what(rule)
    return [" ".join(filter(None, [other, what, "accept"])) for other in others]


def _prefix(net: Network, side: str) -> str:
    if net.prefixlen == 0:
        return f"meta nfproto ipv{net.version}"
    return f"{'ip' if net.version == 4 else 'ip6'} {side} {written(net)}"


def protocol_of(rule: WantedRule) -> int | None:
    """ICMP of IPv6 has a number of its own; 0 is any."""
    return ICMP[rule.ip_version] if rule.protocol in ICMP.values() else rule.protocol or None


def _what(rule: WantedRule) -> str:
    protocol = protocol_of(rule)
    if protocol is None:
        return ""
    words = [f"meta l4proto {protocol}"]
    if protocol in ICMP.values():
        name = "icmp" if rule.ip_version == 4 else "icmpv6"
        words += [f"{name} type {rule.first}"] if rule.first is not None else []
        words += [f"{name} code {rule.last}"] if rule.first is not None and rule.last is not None else []
    elif protocol in PORTED and (span := ports_of(rule)):
        words.append(f"th dport {span[0]}" if span[0] == span[1] else f"th dport {span[0]}-{span[1]}")
    return " ".join(words)


def ports_of(rule: WantedRule) -> tuple[int, int] | None:
    """Both ends; None for all."""
    ends = [end for end in (rule.first, rule.last) if end is not None]
    return (min(ends), max(ends)) if ends else None


def verdict(direction: str, group_ids: Sequence[str], chains: dict[str, Chain]) -> str | None:
    """Where a port's packets go: the chain of its group, or one for just these groups, which is added. None without any."""
    there = [name for name in (chain_name(direction, id) for id in sorted(group_ids)) if name in chains]
    if len(there) < 2:
        return f"jump {there[0]}" if there else None
    name = f"{direction}-of-{hashlib.blake2b(' '.join(there).encode(), digest_size=8).hexdigest()}"
    chains.setdefault(name, Chain(tuple(f"jump {one}" for one in there)))
    return f"jump {name}"
