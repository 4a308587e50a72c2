"""Address scopes: subnet pools of one don't overlap. Source: Network API reference, Address scopes."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from msgspec.structs import replace
from sqlalchemy import bindparam, select

from tinstack.core.db import prepared
from tinstack.core.errors import BadRequest, Conflict
from tinstack.network.server import gaps, sharing, store
from tinstack.network.server import tables as t
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.errors import AddressScopeNotFound
from tinstack.network.server.revisions import expect
from tinstack.network.server.rows import Subnet, SubnetPool
from tinstack.network.server.rows_sharing import AddressScope

_B = t.subnetpools.c

POOLS_OF_SCOPE = prepared(select(t.subnetpools).where(_B.address_scope_id == bindparam("scope")).order_by(_B.id))


class AddressScopeInUse(Conflict):
    code = "network.scope.in_use"
    message = (
        "Unable to complete operation on address scope {id}. There are one or more subnet pools in use on the address "
        "scope."
    )


class AddressScopeUpdateError(BadRequest):
    code, message = "network.scope.update", "Unable to update address scope {id} : {reason}."


class AddressScopePrefixConflict(Conflict):
    code = "network.scope.prefix"
    message = "Failed to associate address scope: subnetpools within an address scope must have unique prefixes."


class IllegalSubnetPoolAssociationToAddressScope(BadRequest):
    code = "network.scope.association"
    message = (
        "Illegal subnetpool association: subnetpool {subnetpool_id} cannot be associated with address scope "
        "{address_scope_id}."
    )


class IllegalSubnetPoolIpVersionAssociationToAddressScope(BadRequest):
    code = "network.scope.version"
    message = (
        "Illegal subnetpool association: subnetpool {subnetpool_id} cannot associate with address scope "
        "{address_scope_id} because subnetpool ip_version is not {ip_version}."
    )


class NetworkAddressScopeAffinityError(BadRequest):
    code = "network.scope.affinity"
    message = (
        "Subnets of the same address family hosted on the same network must all participate in the same address scope."
    )


class NetworkSubnetPoolAffinityError(BadRequest):
    code = "network.subnetpool.affinity"
    message = "Subnets hosted on the same network must be allocated from the same subnet pool."


async def check_pool(change: Change, pool: SubnetPool) -> None:
    """A pool is in its scope's IP version and overlaps none of the scope's. Raises AddressScopeNotFound and the above."""
    if pool.address_scope_id is None:
        return
    await gaps.lock_or_add(change.tx, pool.address_scope_id)
    scope = await store.address_scopes.get(change.tx, pool.address_scope_id)
    if scope is None:
        raise AddressScopeNotFound(id=pool.address_scope_id)
    if scope.ip_version != pool.ip_version:
        raise IllegalSubnetPoolIpVersionAssociationToAddressScope(
            subnetpool_id=pool.id, address_scope_id=scope.id, ip_version=scope.ip_version
        )
    mine = [ip_network(text) for text in pool.prefixes]
    for other in await change.tx.all(POOLS_OF_SCOPE, SubnetPool, scope=scope.id):
        if other.id != pool.id and any(one.overlaps(ip_network(text)) for text in other.prefixes for one in mine):
            raise AddressScopePrefixConflict


async def check_network(change: Change, subnet: Subnet, there: Sequence[Subnet]) -> None:
    """A network's subnets of one IP version that come from pools come from one pool, or from one scope's.

    Raises NetworkAddressScopeAffinityError, NetworkSubnetPoolAffinityError.
    """
    if subnet.subnetpool_id is None:
        return
    others = [one for one in there if one.ip_version == subnet.ip_version and one.id != subnet.id]
    pools = await store.by_ids(
        change.tx, store.subnetpools, [subnet.subnetpool_id, *(one.subnetpool_id for one in others)]
    )
    scope = next((pool.address_scope_id for id, pool in pools.items() if id != subnet.subnetpool_id), None)
    if scope and pools[subnet.subnetpool_id].address_scope_id != scope:
        raise NetworkAddressScopeAffinityError
    if not scope and any(one.subnetpool_id != subnet.subnetpool_id for one in others):
        raise NetworkSubnetPoolAffinityError


class AddressScopes:
    """The rules."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def create(self, scopes: Sequence[AddressScope]) -> list[AddressScope]:
        """All or none."""

        async def work(change: Change) -> list[AddressScope]:
            for scope in scopes:
                await store.address_scopes.add(change.tx, scope)
                await sharing.set_for_all(
                    change, "address_scope", scope.id, scope.project_id, sharing.SHARED, scope.shared
                )
            return list(scopes)

        return await self._changes.run(work)

    async def update(self, id: str, changes: Mapping[str, Any], revision: int | None) -> AddressScope:
        """Raises AddressScopeNotFound, AddressScopeUpdateError: what is shared stays so."""

        async def work(change: Change) -> AddressScope:
            old = await self._get(change, id)
            expect(old, revision)
            new = replace(old, **changes)
            if old.shared and not new.shared:
                raise AddressScopeUpdateError(id=id, reason="Shared address scope can't be unshared")
            await sharing.change_shared(change, "address_scope", old, new)
            await store.address_scopes.save(change.tx, new, change.now)
            return new

        return await self._changes.run(work)

    async def delete(self, id: str, revision: int | None) -> None:
        """Raises AddressScopeNotFound, AddressScopeInUse."""

        async def work(change: Change) -> None:
            await gaps.lock_or_add(change.tx, id)
            expect(await self._get(change, id), revision)
            if await change.tx.one(POOLS_OF_SCOPE, SubnetPool, scope=id):
                raise AddressScopeInUse(id=id)
            await sharing.drop(change, "address_scope", id)
            await store.address_scopes.remove(change.tx, id)
            await gaps.drop(change.tx, id)

        await self._changes.run(work)

    @staticmethod
    async def _get(change: Change, id: str) -> AddressScope:
        scope = await store.address_scopes.get(change.tx, id)
        if scope is None:
            raise AddressScopeNotFound(id=id)
        return scope
