"""Address groups. Source: Network API reference, Address groups."""

from collections.abc import Sequence
from uuid import uuid4

from tinstack.core.http import Request
from tinstack.network.server import lists_sharing, store, views_sharing
from tinstack.network.server.errors import AddressGroupNotFound
from tinstack.network.server.handlers.common import Body, listed, shared_target, shared_with, shown, target, visible
from tinstack.network.server.parts import Parts
from tinstack.network.server.revisions import expected
from tinstack.network.server.rows_sharing import AddressGroup
from tinstack.network.server.schemas.sharing import ADDRESS_GROUP


async def found(request: Request, parts: Parts, id: str) -> AddressGroup:
    """A group that the caller sees. Raises AddressGroupNotFound."""
    row = await store.address_groups.get(parts.db, id)
    missing = AddressGroupNotFound(id=id)
    if row is None:
        raise missing
    visible(request, "get_address_group", await shared_target(request, parts.db, "address_group", row), missing)
    return row


async def _own(request: Request, parts: Parts, rule: str) -> AddressGroup:
    """The group of the path, to be changed: for those who only use it there is none. Raises AddressGroupNotFound."""
    row = await found(request, parts, request.path["id"])
    visible(request, "get_address_group", target(row), AddressGroupNotFound(id=row.id))
    request.authorize(rule, target(row))
    return row


async def _show(request: Request, parts: Parts, rows: Sequence[AddressGroup]) -> list[Body]:
    shared = await shared_with(request, parts.db, "address_group", rows)
    return [views_sharing.address_group(row, shared=row.id in shared) for row in rows]


async def _one(request: Request, parts: Parts, row: AddressGroup) -> Body:
    return {"address_group": (await _show(request, parts, [row]))[0]}


async def index(request: Request, parts: Parts) -> Body:
    """Own groups and those shared with the caller's project."""
    return await listed(request, parts, "address_groups", lists_sharing.ADDRESS_GROUPS, _show)


async def show(request: Request, parts: Parts) -> Body:
    """One group."""
    row = await found(request, parts, request.path["id"])
    return shown(request, "address_group", (await _show(request, parts, [row]))[0])


async def create(request: Request, parts: Parts) -> Body:
    """One group or several."""
    items, bulk = ADDRESS_GROUP.created(request)
    rows = []
    for item in items:
        on = {"project_id": item["project_id"], "tenant_id": item["project_id"]}
        request.authorize("create_address_group", on)
        item["addresses"] = item.get("addresses") or []
        rows.append(AddressGroup(id=str(uuid4()), **item))
    return ADDRESS_GROUP.answer(await _show(request, parts, await parts.address_groups.create(rows)), bulk=bulk)


async def update(request: Request, parts: Parts) -> Body:
    """Change name or description."""
    row = await _own(request, parts, "update_address_group")
    item = ADDRESS_GROUP.updated(request)
    return await _one(request, parts, await parts.address_groups.update(row.id, item, expected(request)))


async def delete(request: Request, parts: Parts) -> None:
    """Remove a group that no rule names."""
    row = await _own(request, parts, "delete_address_group")
    await parts.address_groups.delete(row.id, expected(request))


async def add_addresses(request: Request, parts: Parts) -> Body:
    """Some more."""
    row = await _own(request, parts, "update_address_group")
    changed = await parts.address_groups.change_addresses(row.id, request.body["addresses"], add=True)
    return await _one(request, parts, changed)


async def remove_addresses(request: Request, parts: Parts) -> Body:
    """Some less."""
    row = await _own(request, parts, "update_address_group")
    changed = await parts.address_groups.change_addresses(row.id, request.body["addresses"], add=False)
    return await _one(request, parts, changed)
