"""Subnet pools: prefixes from which subnets are cut without overlap. Source: Network API reference, Subnet pools."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import collapse_addresses, ip_network
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import bindparam, select

from tinstack.core.db import prepared
from tinstack.core.errors import BadRequest, Conflict
from tinstack.network.server import address_scopes, cidrs, gaps, ipam, sharing, store
from tinstack.network.server import tables as t
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.errors import InvalidInput, SubnetPoolNotFound
from tinstack.network.server.quotas import Quotas
from tinstack.network.server.revisions import expect
from tinstack.network.server.rows import Subnet, SubnetPool

BITS = {4: 32, 6: 128}
LEAST = {4: 8, 6: 64}
QUOTA_UNIT = {4: 32, 6: 64}

_P, _S = t.subnetpools.c, t.subnets.c

SUBNETS_OF_POOL = prepared(select(t.subnets).where(_S.subnetpool_id == bindparam("pool")))
DEFAULT_POOL = prepared(
    select(t.subnetpools).where(_P.is_default == 1, _P.ip_version == bindparam("version")).order_by(_P.id)
)


class SubnetAllocationError(Conflict):
    """409: the pool has no such prefix left."""

    code, message = "network.subnetpool.exhausted", "Failed to allocate subnet: {reason}."


class SubnetPoolQuotaExceeded(Conflict):
    code, message = "network.subnetpool.quota", "Per-tenant subnet pool prefix quota exceeded."


class SubnetPoolDeleteError(Conflict):
    code, message = "network.subnetpool.in_use", "Unable to delete subnet pool: {reason}."


class IllegalSubnetPoolPrefixBounds(BadRequest):
    code, message = (
        "network.subnetpool.bounds",
        "Illegal prefix bounds: {prefix_type}={prefixlen}, {base_prefix_type}={base_prefixlen}.",
    )


class IllegalSubnetPoolPrefixUpdate(BadRequest):
    code, message = "network.subnetpool.update", "Illegal subnetpool update : {msg}."


class Asked(msgspec.Struct, kw_only=True):
    """A subnet as asked for: ``gateway``: one is to be chosen; ``has_pools``: pools are given; ``prefixlen``: of the pool's."""

    subnet: Subnet
    gateway: bool
    has_pools: bool
    prefixlen: int | None = None


async def cut(change: Change, asked: Asked) -> Subnet:
    """The subnet with its prefix, from its pool where it names one. Raises SubnetAllocationError and others."""
    subnet = replace(asked.subnet)
    if subnet.subnetpool_id is None:
        return subnet
    if not await gaps.lock(change.tx, subnet.subnetpool_id):
        raise SubnetPoolNotFound(id=subnet.subnetpool_id)
    pool = await store.subnetpools.get(change.tx, subnet.subnetpool_id)
    assert pool, "a pool and its cursor go together"
    there = await change.tx.all(SUBNETS_OF_POOL, Subnet, pool=pool.id)
    used = [ip_network(one.cidr) for one in there]
    if subnet.cidr:
        wanted = cidrs.parse(subnet.cidr, subnet.ip_version)
        inside = any(_within(wanted, ip_network(prefix)) for prefix in pool.prefixes)
        if not inside or any(wanted.overlaps(one) for one in used):
            raise SubnetAllocationError(reason="Cannot allocate requested subnet from the available set of prefixes")
        found = wanted
    else:
        found = _free(pool, asked.prefixlen or pool.default_prefixlen, used)
    _check_length(pool, found.prefixlen)
    mine = [ip_network(one.cidr) for one in there if one.project_id == subnet.project_id]
    if pool.default_quota is not None and sum(_size(one) for one in [*mine, found]) > pool.default_quota:
        raise SubnetPoolQuotaExceeded
    subnet.cidr, subnet.ip_version = str(found), pool.ip_version
    return subnet


def _within(one: ipam.Net, other: ipam.Net) -> bool:
    return (
        one.version == other.version
        and other.network_address <= one.network_address  # type: ignore[operator]
        and one.broadcast_address <= other.broadcast_address  # type: ignore[operator]
    )


def _size(cidr: ipam.Net) -> int:
    return 1 << max(QUOTA_UNIT[cidr.version] - cidr.prefixlen, 0)


def _check_length(pool: SubnetPool, prefixlen: int) -> None:
    if prefixlen < pool.min_prefixlen:
        raise BadRequest(
            f"Unable to allocate subnet with prefix length {prefixlen}, minimum allowed prefix is {pool.min_prefixlen}."
        )
    if prefixlen > pool.max_prefixlen:
        raise BadRequest(
            f"Unable to allocate subnet with prefix length {prefixlen}, maximum allowed prefix is {pool.max_prefixlen}."
        )


def _free(pool: SubnetPool, prefixlen: int, used: Iterable[ipam.Net]) -> ipam.Net:
    """The first aligned prefix that overlaps none."""
    _check_length(pool, prefixlen)
    size = 1 << (BITS[pool.ip_version] - prefixlen)
    taken = sorted((int(one.network_address), int(one.broadcast_address)) for one in used)
    for text in pool.prefixes:
        prefix = ip_network(text)
        at, end = int(prefix.network_address), int(prefix.broadcast_address)
        for low, high in taken:
            if high < at:
                continue
            if low >= at + size:
                break
            at = -(-(high + 1) // size) * size
        if prefix.prefixlen <= prefixlen and at + size - 1 <= end:
            return ip_network((at, prefixlen)) if pool.ip_version == 4 else _v6(at, prefixlen)
    raise SubnetAllocationError(reason="Insufficient prefix space to allocate subnet size /" + str(prefixlen))


def _v6(at: int, prefixlen: int) -> ipam.Net:
    return ip_network(((at).to_bytes(16), prefixlen))


async def default_pool(changes: Changes, ip_version: int) -> SubnetPool | None:
    """The pool that ``use_default_subnetpool`` means."""
    return await changes.database.one(DEFAULT_POOL, SubnetPool, version=ip_version)


def new_pool(given: Mapping[str, Any], **fixed: Any) -> SubnetPool:
    """A pool from its body's attributes. Raises InvalidInput, IllegalSubnetPoolPrefixBounds."""
    nets = [cidrs.parse(text, None) for text in given["prefixes"]]
    versions = {net.version for net in nets}
    if len(versions) != 1:
        raise BadRequest("Cannot mix IPv4 and IPv6 prefixes in a subnet pool.")
    version = versions.pop()
    least = int(given.get("min_prefixlen") or LEAST[version])
    most = int(given.get("max_prefixlen") or BITS[version])
    usual = int(given.get("default_prefixlen") or least)
    pool = SubnetPool(
        **fixed,
        ip_version=version,
        prefixes=_collapsed(nets),
        min_prefixlen=least,
        max_prefixlen=most,
        default_prefixlen=usual,
        default_quota=given.get("default_quota"),
        address_scope_id=given.get("address_scope_id"),
        shared=bool(given.get("shared", False)),
        is_default=bool(given.get("is_default", False)),
        name=given.get("name", ""),
        description=given.get("description") or "",
    )
    _check_bounds(pool)
    return pool


def _collapsed(nets: Iterable[ipam.Net]) -> list[str]:
    found: list[ipam.Net] = list(collapse_addresses(nets))  # type: ignore[type-var]
    return [str(net) for net in found]


def _without(nets: Iterable[ipam.Net], gone: Iterable[ipam.Net]) -> list[ipam.Net]:
    """What is left of ``nets``."""
    rest = list(nets)
    for out in gone:
        kept: list[ipam.Net] = []
        for net in rest:
            if _within(net, out):
                continue
            inside = _within(out, net)
            kept += net.address_exclude(out) if inside else [net]  # type: ignore[arg-type]
        rest = kept
    return rest


def _check_bounds(pool: SubnetPool) -> None:
    bits = BITS[pool.ip_version]
    for kind, value, base, bound, bad in (
        ("min_prefixlen", pool.min_prefixlen, "0", 0, pool.min_prefixlen < 1),
        ("max_prefixlen", pool.max_prefixlen, "address length", bits, pool.max_prefixlen > bits),
        (
            "max_prefixlen",
            pool.max_prefixlen,
            "min_prefixlen",
            pool.min_prefixlen,
            pool.max_prefixlen < pool.min_prefixlen,
        ),
        (
            "default_prefixlen",
            pool.default_prefixlen,
            "min_prefixlen",
            pool.min_prefixlen,
            pool.default_prefixlen < pool.min_prefixlen,
        ),
        (
            "default_prefixlen",
            pool.default_prefixlen,
            "max_prefixlen",
            pool.max_prefixlen,
            pool.default_prefixlen > pool.max_prefixlen,
        ),
    ):
        if bad:
            raise IllegalSubnetPoolPrefixBounds(
                prefix_type=kind, prefixlen=value, base_prefix_type=base, base_prefixlen=bound
            )


class SubnetPools:
    """The rules."""

    def __init__(self, changes: Changes, quotas: Quotas) -> None:
        self._changes, self._quotas = changes, quotas

    async def create(self, pools: Sequence[SubnetPool]) -> list[SubnetPool]:
        """All or none. Raises OverQuota, InvalidInput."""

        async def work(change: Change) -> list[SubnetPool]:
            for pool in pools:
                pool.created_at = pool.updated_at = change.now
                await self._quotas.take(change.tx, pool.project_id, "subnetpool")
                await self._check_default(change, pool)
                await address_scopes.check_pool(change, pool)
                await gaps.add(change.tx, pool.id)
                await store.subnetpools.add(change.tx, pool)
                await sharing.set_for_all(change, "subnetpool", pool.id, pool.project_id, sharing.SHARED, pool.shared)
            return list(pools)

        return await self._changes.run(work)

    @staticmethod
    async def _check_default(change: Change, pool: SubnetPool) -> None:
        if pool.is_default:
            other = await change.tx.one(DEFAULT_POOL, SubnetPool, version=pool.ip_version)
            if other is not None and other.id != pool.id:
                raise InvalidInput(
                    error_message=f"A default subnetpool for this IP family has already been set. "
                    f"Only one default may exist per IP family: {other.id}"
                )

    async def update(self, id: str, changes: Mapping[str, Any], revision: int | None) -> SubnetPool:
        """Prefixes may only grow. Raises SubnetPoolNotFound, IllegalSubnetPoolPrefix…."""

        async def work(change: Change) -> SubnetPool:
            if not await gaps.lock(change.tx, id):
                raise SubnetPoolNotFound(id=id)
            old = await store.subnetpools.get(change.tx, id)
            assert old, "a pool and its cursor go together"
            expect(old, revision)
            new = replace(old, **changes)
            if "prefixes" in changes:
                nets = [cidrs.parse(text, old.ip_version) for text in new.prefixes]
                if not all(any(_within(ip_network(had), net) for net in nets) for had in old.prefixes):
                    raise IllegalSubnetPoolPrefixUpdate(msg="Existing prefixes must be a subset of the new prefixes")
                new.prefixes = _collapsed(nets)
            _check_bounds(new)
            await self._check_default(change, new)
            if (new.prefixes, new.address_scope_id) != (old.prefixes, old.address_scope_id):
                await address_scopes.check_pool(change, new)
            await store.subnetpools.save(change.tx, new, change.now)
            return new

        return await self._changes.run(work)

    async def change_prefixes(self, id: str, given: Sequence[str], *, add: bool) -> SubnetPool:
        """Some more, or some less. Raises SubnetPoolNotFound, IllegalSubnetPoolPrefixUpdate, AddressScopePrefixConflict."""

        async def work(change: Change) -> SubnetPool:
            pool = await self._locked(change, id)
            there = [ip_network(text) for text in pool.prefixes]
            asked = [cidrs.parse(text, pool.ip_version) for text in given]
            if add:
                pool.prefixes = _collapsed([*there, *asked])
                await address_scopes.check_pool(change, pool)
            else:
                used = [ip_network(one.cidr) for one in await change.tx.all(SUBNETS_OF_POOL, Subnet, pool=id)]
                pool.prefixes = _collapsed(_without(there, asked))
                rest = [ip_network(text) for text in pool.prefixes]
                if not all(any(_within(one, net) for net in rest) for one in used):
                    raise IllegalSubnetPoolPrefixUpdate(msg="Prefixes from which subnets were cut can not be removed")
            await store.subnetpools.save(change.tx, pool, change.now)
            return pool

        return await self._changes.run(work)

    @staticmethod
    async def _locked(change: Change, id: str) -> SubnetPool:
        if not await gaps.lock(change.tx, id):
            raise SubnetPoolNotFound(id=id)
        pool = await store.subnetpools.get(change.tx, id)
        assert pool, "a pool and its cursor go together"
        return pool

    async def onboard(self, id: str, network_id: str) -> list[Subnet]:
        """Subnets of a network become the pool's, as if cut from it. Raises SubnetPoolNotFound, IllegalSubnetPoolPrefixUpdate."""

        async def work(change: Change) -> list[Subnet]:
            await ipam.lock_networks(change, network_id)
            pool = await self._locked(change, id)
            there = await change.tx.all(store.SUBNETS_OF_NETWORK, Subnet, network=network_id)
            taken = [one for one in there if one.ip_version == pool.ip_version and one.subnetpool_id is None]
            used = [ip_network(one.cidr) for one in await change.tx.all(SUBNETS_OF_POOL, Subnet, pool=id)]
            nets = [ip_network(one.cidr) for one in taken]
            if any(net.overlaps(one) for net in nets for one in used):
                raise IllegalSubnetPoolPrefixUpdate(
                    msg="A subnet of the network overlaps one that was cut from the pool"
                )
            pool.prefixes = _collapsed([*(ip_network(text) for text in pool.prefixes), *nets])
            await address_scopes.check_pool(change, pool)
            await store.subnetpools.save(change.tx, pool, change.now)
            for subnet in taken:
                subnet.subnetpool_id = id
                await address_scopes.check_network(change, subnet, [])
                await store.subnets.save(change.tx, subnet, change.now)
            return taken

        return await self._changes.run(work)

    async def delete(self, id: str, revision: int | None) -> None:
        """Raises SubnetPoolNotFound, SubnetPoolDeleteError."""

        async def work(change: Change) -> None:
            if not await gaps.lock(change.tx, id):
                raise SubnetPoolNotFound(id=id)
            pool = await store.subnetpools.get(change.tx, id)
            if pool is not None:
                expect(pool, revision)
            if await change.tx.one(SUBNETS_OF_POOL, Subnet, pool=id):
                raise SubnetPoolDeleteError(reason="Subnet pool has existing allocations")
            await sharing.drop(change, "subnetpool", id)
            await store.subnetpools.remove(change.tx, id)
            await gaps.drop(change.tx, id)

        await self._changes.run(work)
