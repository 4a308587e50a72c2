"""Address scopes. Source: Network API reference, Address scopes."""

from collections.abc import Sequence
from uuid import uuid4

from tinstack.core.http import Request
from tinstack.network.server import lists_sharing, store, views_sharing
from tinstack.network.server.bodies import authorize_attributes
from tinstack.network.server.errors import AddressScopeNotFound
from tinstack.network.server.handlers.common import Body, allowed, listed, shared_target, shared_with, shown, visible
from tinstack.network.server.parts import Parts
from tinstack.network.server.revisions import expected
from tinstack.network.server.rows_sharing import AddressScope
from tinstack.network.server.schemas.sharing import ADDRESS_SCOPE, SCOPE_DEFAULTS


async def found(request: Request, parts: Parts, id: str) -> tuple[AddressScope, Body]:
    """A scope that the caller sees, with its policy target. Raises AddressScopeNotFound."""
    row = await store.address_scopes.get(parts.db, id)
    missing = AddressScopeNotFound(id=id)
    if row is None:
        raise missing
    on = await shared_target(request, parts.db, "address_scope", row)
    visible(request, "get_address_scope", on, missing)
    return row, on


async def _show(request: Request, parts: Parts, rows: Sequence[AddressScope]) -> list[Body]:
    shared = await shared_with(request, parts.db, "address_scope", rows)
    return [views_sharing.address_scope(row, shared=row.id in shared) for row in rows]


async def index(request: Request, parts: Parts) -> Body:
    """Own scopes and those shared with the caller's project."""
    return await listed(request, parts, "address_scopes", lists_sharing.ADDRESS_SCOPES, _show)


async def show(request: Request, parts: Parts) -> Body:
    """One scope."""
    row, _ = await found(request, parts, request.path["id"])
    return shown(request, "address_scope", (await _show(request, parts, [row]))[0])


async def create(request: Request, parts: Parts) -> Body:
    """One scope or several."""
    items, bulk = ADDRESS_SCOPE.created(request)
    rows = []
    for item in items:
        on = {"project_id": item["project_id"], "tenant_id": item["project_id"]}
        request.authorize("create_address_scope", on)
        authorize_attributes(request, "create_address_scope", item, on, SCOPE_DEFAULTS)
        rows.append(AddressScope(id=str(uuid4()), **item))
    return ADDRESS_SCOPE.answer(await _show(request, parts, await parts.address_scopes.create(rows)), bulk=bulk)


async def update(request: Request, parts: Parts) -> Body:
    """Change the name, share."""
    row, on = await found(request, parts, request.path["id"])
    item = ADDRESS_SCOPE.updated(request)
    request.authorize("update_address_scope", on)
    authorize_attributes(request, "update_address_scope", item, on, {})
    changed = await parts.address_scopes.update(row.id, item, expected(request))
    return {"address_scope": (await _show(request, parts, [changed]))[0]}


async def delete(request: Request, parts: Parts) -> None:
    """Remove a scope without pools."""
    row, on = await found(request, parts, request.path["id"])
    allowed(request, "delete", "address_scope", on, AddressScopeNotFound(id=row.id))
    await parts.address_scopes.delete(row.id, expected(request))
