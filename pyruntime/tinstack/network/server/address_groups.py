"""Address groups: prefixes under one name, for rules of security groups. Source: Network API reference, Address groups."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from msgspec.structs import replace
from sqlalchemy import bindparam, select

from tinstack.core.db import prepared
from tinstack.core.errors import BadRequest, Conflict, NotFound
from tinstack.network.server import sharing, store
from tinstack.network.server import tables as t
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.errors import AddressGroupNotFound
from tinstack.network.server.quotas import Quotas
from tinstack.network.server.revisions import expect
from tinstack.network.server.rows_sharing import AddressGroup

MOST = 1000

_U = t.rules.c

USER = prepared(select(_U.id).where(_U.remote_address_group_id == bindparam("group")).limit(1))


class AddressGroupInUse(Conflict):
    code, message = "network.address_group.in_use", "Address group {id} is in use on one or more security group rules."


class AddressesNotFound(NotFound):
    code = "network.address_group.addresses"
    message = "Addresses {addresses} not found in the address group {id}."


class AddressesAlreadyExist(BadRequest):
    code = "network.address_group.exist"
    message = "Addresses {addresses} already exist in the address group {id}."


class InvalidAddresses(BadRequest):
    code, message = "network.address_group.invalid", "Invalid input for addresses. Reason: {reason}."


def prefixes(given: Iterable[str]) -> list[str]:
    """Each once, without host bits. Raises InvalidAddresses."""
    found: dict[str, None] = {}
    for text in given:
        try:
            found[str(ip_network(text, strict=False))] = None
        except ValueError as error:
            raise InvalidAddresses(reason=f"'{text}' is neither an address nor a prefix") from error
    if len(found) > MOST:
        raise InvalidAddresses(reason=f"a group holds {MOST} addresses at most")
    return list(found)


class AddressGroups:
    """The rules."""

    def __init__(self, changes: Changes, quotas: Quotas) -> None:
        self._changes, self._quotas = changes, quotas

    async def create(self, groups: Sequence[AddressGroup]) -> list[AddressGroup]:
        """All or none. Raises OverQuota, InvalidAddresses."""

        async def work(change: Change) -> list[AddressGroup]:
            for group in groups:
                group.created_at = group.updated_at = change.now
                group.addresses = prefixes(group.addresses)
                await self._quotas.take(change.tx, group.project_id, "address_group")
                await store.address_groups.add(change.tx, group)
            return list(groups)

        return await self._changes.run(work)

    async def update(self, id: str, changes: Mapping[str, Any], revision: int | None) -> AddressGroup:
        """Raises AddressGroupNotFound."""

        async def work(change: Change) -> AddressGroup:
            old = await self._get(change, id)
            expect(old, revision)
            new = replace(old, **changes)
            await store.address_groups.save(change.tx, new, change.now)
            return new

        return await self._changes.run(work)

    async def change_addresses(self, id: str, given: Sequence[str], *, add: bool) -> AddressGroup:
        """All or none. Raises AddressGroupNotFound, InvalidAddresses, AddressesAlreadyExist, AddressesNotFound."""
        asked = prefixes(given)

        async def work(change: Change) -> AddressGroup:
            group = await self._get(change, id)
            there = [one for one in asked if one in group.addresses]
            if add and there:
                raise AddressesAlreadyExist(addresses=there, id=id)
            if not add and len(there) < len(asked):
                raise AddressesNotFound(addresses=[one for one in asked if one not in there], id=id)
            rest = [one for one in group.addresses if one not in asked]
            group.addresses = prefixes([*rest, *asked]) if add else rest
            await change.addresses(id)
            await store.address_groups.save(change.tx, group, change.now)
            return group

        return await self._changes.run(work)

    async def delete(self, id: str, revision: int | None) -> None:
        """Raises AddressGroupNotFound, AddressGroupInUse."""

        async def work(change: Change) -> None:
            group = await self._get(change, id)
            expect(group, revision)
            await store.address_groups.save(change.tx, group, change.now)
            if await change.tx.scalar(USER, group=id):
                raise AddressGroupInUse(id=id)
            await sharing.drop(change, "address_group", id)
            await store.address_groups.remove(change.tx, id)

        await self._changes.run(work)

    @staticmethod
    async def _get(change: Change, id: str) -> AddressGroup:
        group = await store.address_groups.get(change.tx, id)
        if group is None:
            raise AddressGroupNotFound(id=id)
        return group
