"""Security groups as hosts are told them: the rules of their ports' groups, with the addresses that rules speak of; and the
hosts that have to look when any of this changes."""

from collections.abc import Collection
from functools import lru_cache
from ipaddress import ip_network

import msgspec
from sqlalchemy import bindparam, func, null, or_, select, union_all

from tinstack.core.db import Prepared, Transaction, prepared
from tinstack.network import rpc
from tinstack.network.server import store
from tinstack.network.server import tables as t
from tinstack.network.server.protocols import PROTOCOLS
from tinstack.network.server.rows import HostPort, SecurityGroupRule

_P, _G, _U, _A = t.ports.c, t.port_groups.c, t.rules.c, t.allocations.c

_MEMBERS = (
    select(_G.group_id, func.group_concat(_A.ip).label("ips"), null().label("pairs"))
    .join(t.allocations, _A.port_id == _G.port_id)
    .group_by(_G.group_id)
)
"""One row for each group: of thousands of addresses a row each would cost more than all else that a host is told."""
_PAIRS = (
    select(_G.group_id, null(), _P.allowed_address_pairs)
    .join(t.ports, _P.id == _G.port_id)
    .where(_P.allowed_address_pairs >= "[{")
)
"""Not ``!=``: what is not empty is found by the index, without a look at each port."""


@lru_cache(maxsize=16)
def _members_of(size: int) -> Prepared:
    ids = store.asked(size)
    return prepared(union_all(_MEMBERS.where(_G.group_id.in_(ids)), _PAIRS.where(_G.group_id.in_(ids))))


OF_PORTS = select(_P.binding_host.label("host")).join(t.port_groups, _G.port_id == _P.id).where(_P.binding_host != "")
HOSTS = OF_PORTS.distinct()
HOSTS_BY_RULE = OF_PORTS.join(t.rules, _U.security_group_id == _G.group_id).distinct()


HOSTS_BY_QOS = prepared(
    select(_P.binding_host.label("host"))
    .join(t.networks, t.networks.c.id == _P.network_id)
    .where(_P.binding_host != "")
    .where(or_(_P.qos_policy_id == bindparam("policy"), t.networks.c.qos_policy_id == bindparam("policy")))
    .distinct()
)


class _Members(msgspec.Struct, frozen=True):
    """The addresses of all ports in the group with commas between them, or what else a port in it may speak for."""

    group_id: str
    ips: str | None
    pairs: list[dict[str, str]] | None


class _At(msgspec.Struct, frozen=True):
    host: str


async def hosts_with(tx: Transaction, group_ids: Collection[str]) -> set[str]:
    """Hosts with ports in one of the groups."""
    return {one.host for one in await store.all_in(tx, HOSTS, _G.group_id, group_ids, _At)}


async def hosts_that_know(tx: Transaction, group_ids: Collection[str]) -> set[str]:
    """Hosts with ports whose rules speak of the members of one of the groups."""
    return {one.host for one in await store.all_in(tx, HOSTS_BY_RULE, _U.remote_group_id, group_ids, _At)}


async def hosts_by_addresses(tx: Transaction, group_ids: Collection[str]) -> set[str]:
    """Hosts with ports whose rules speak of one of the address groups."""
    return {one.host for one in await store.all_in(tx, HOSTS_BY_RULE, _U.remote_address_group_id, group_ids, _At)}


async def hosts_by_qos(tx: Transaction, policy_id: str) -> set[str]:
    """Hosts with ports that have the QoS policy, or whose networks have it."""
    return {one.host for one in await tx.all(HOSTS_BY_QOS, _At, policy=policy_id)}


async def wanted(
    db: store.Reader, known: store.Reader, group_ids: Collection[str]
) -> tuple[list[rpc.WantedGroup], list[rpc.WantedAddresses]]:
    """The groups, and what their rules speak of. ``known``: where to read what rarely changes."""
    groups = await store.by_ids(known, store.groups, group_ids)
    found = await store.rules_of(known, groups)
    said = [rule for some in found.values() for rule in some]
    return [
        rpc.WantedGroup(id=id, stateful=group.stateful, rules=[_rule(rule) for rule in found[id]])
        for id, group in sorted(groups.items())
    ], [
        *await _members(db, {rule.remote_group_id for rule in said if rule.remote_group_id}),
        *await _prefixes(known, {rule.remote_address_group_id for rule in said if rule.remote_address_group_id}),
    ]


async def _members(db: store.Reader, ids: Collection[str]) -> list[rpc.WantedAddresses]:
    if not ids:
        return []
    found: dict[str, set[str]] = {id: set() for id in sorted(ids)}
    for one in await store.all_by(db, _members_of, ids, _Members):
        found[one.group_id].update(one.ips.split(",") if one.ips else ())
        found[one.group_id].update(prefix(pair["ip_address"]) for pair in one.pairs or ())
    return [rpc.WantedAddresses(id=id, addresses=sorted(addresses)) for id, addresses in found.items()]


async def _prefixes(db: store.Reader, ids: Collection[str]) -> list[rpc.WantedAddresses]:
    groups = await store.by_ids(db, store.address_groups, ids)
    return [
        rpc.WantedAddresses(id=id, addresses=[prefix(one) for one in group.addresses])
        for id, group in sorted(groups.items())
    ]


def _rule(rule: SecurityGroupRule) -> rpc.WantedRule:
    return rpc.WantedRule(
        direction=rule.direction,
        ip_version=6 if rule.ethertype == "IPv6" else 4,
        protocol=_number(rule.protocol) if rule.protocol else None,
        first=rule.port_range_min,
        last=rule.port_range_max,
        prefix=prefix(rule.remote_ip_prefix) if rule.remote_ip_prefix else None,
        remote=rule.remote_group_id or rule.remote_address_group_id,
    )


def _number(protocol: str) -> int:
    return PROTOCOLS[protocol] if protocol in PROTOCOLS else int(protocol)


def prefix(text: str) -> str:
    """Without host bits; a single address without its length."""
    net = ip_network(text, strict=False)
    return str(net.network_address) if net.prefixlen == net.max_prefixlen else str(net)


def pairs(port: HostPort) -> list[tuple[str, str]]:
    """What else a port may speak for: prefix and MAC."""
    return [
        (prefix(one["ip_address"]), (one.get("mac_address") or port.mac_address).lower())
        for one in port.allowed_address_pairs
    ]


def groups_of(port: HostPort) -> list[str]:
    """Those that filter it."""
    return port.groups if port.port_security_enabled and not port.device_owner.startswith("network:") else []
