"""Subnet pools. Source: Network API reference, Subnet pools."""

from collections.abc import Sequence
from uuid import uuid4

from tinstack.core.http import Request
from tinstack.network.server import lists, store, views
from tinstack.network.server.bodies import authorize_attributes
from tinstack.network.server.errors import SubnetPoolNotFound
from tinstack.network.server.handlers.common import Body, allowed, listed, shared_target, shared_with, shown, visible
from tinstack.network.server.parts import Parts
from tinstack.network.server.revisions import expected
from tinstack.network.server.rows import SubnetPool
from tinstack.network.server.schemas.subnets import POOL_DEFAULTS, SUBNETPOOL
from tinstack.network.server.subnetpools import new_pool


async def found(request: Request, parts: Parts) -> tuple[SubnetPool, Body]:
    """The pool of the path, if the caller sees it, with its policy target. Raises SubnetPoolNotFound."""
    row = await store.subnetpools.get(parts.db, request.path["id"])
    missing = SubnetPoolNotFound(id=request.path["id"])
    if row is None:
        raise missing
    on = await shared_target(request, parts, "subnetpool", row)
    visible(request, "get_subnetpool", on, missing)
    return row, on


async def _show(request: Request, parts: Parts, rows: Sequence[SubnetPool]) -> list[Body]:
    shared = await shared_with(request, parts, "subnetpool", rows)
    return [views.subnetpool(row, shared=row.id in shared) for row in rows]


async def index(request: Request, parts: Parts) -> Body:
    """Own and shared pools."""
    return await listed(request, parts, "subnetpools", lists.SUBNETPOOLS, _show)


async def show(request: Request, parts: Parts) -> Body:
    """One pool."""
    row, _ = await found(request, parts)
    return shown(request, "subnetpool", (await _show(request, parts, [row]))[0])


async def create(request: Request, parts: Parts) -> Body:
    """One pool or several."""
    items, bulk = SUBNETPOOL.created(request)
    pools = []
    for item in items:
        on = {"project_id": item["project_id"], "tenant_id": item["project_id"]}
        request.authorize("create_subnetpool", on)
        authorize_attributes(request, "create_subnetpool", item, on, POOL_DEFAULTS)
        pools.append(new_pool(item, id=str(uuid4()), project_id=item["project_id"]))
    return SUBNETPOOL.answer(await _show(request, parts, await parts.subnetpools.create(pools)), bulk=bulk)


async def update(request: Request, parts: Parts) -> Body:
    """Change attributes; prefixes may only grow."""
    row, on = await found(request, parts)
    item = SUBNETPOOL.updated(request)
    request.authorize("update_subnetpool", on)
    authorize_attributes(request, "update_subnetpool", item, on, {})
    changes = {name: value for name, value in item.items() if value is not None or name == "default_quota"}
    changed = await parts.subnetpools.update(row.id, changes, expected(request))
    return {"subnetpool": (await _show(request, parts, [changed]))[0]}


async def delete(request: Request, parts: Parts) -> None:
    """Remove a pool of which no subnet was cut."""
    row, on = await found(request, parts)
    allowed(request, "delete", "subnetpool", on, SubnetPoolNotFound(id=row.id))
    await parts.subnetpools.delete(row.id, expected(request))
