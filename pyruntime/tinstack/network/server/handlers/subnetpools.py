"""Subnet pools. Source: Network API reference, Subnet pools."""

from collections.abc import Sequence
from uuid import uuid4

from tinstack.core.http import Request
from tinstack.network.server import lists, store, views
from tinstack.network.server.address_scopes import IllegalSubnetPoolAssociationToAddressScope
from tinstack.network.server.bodies import authorize_attributes
from tinstack.network.server.errors import NetworkNotFound, SubnetPoolNotFound
from tinstack.network.server.handlers import address_scopes, networks
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
    on = await shared_target(request, parts.db, "subnetpool", row)
    visible(request, "get_subnetpool", on, missing)
    return row, on


async def _show(request: Request, parts: Parts, rows: Sequence[SubnetPool]) -> list[Body]:
    shared = await shared_with(request, parts.db, "subnetpool", rows)
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
        await _check_scope(request, parts, item.get("address_scope_id"))
        pools.append(new_pool(item, id=str(uuid4()), project_id=item["project_id"]))
    return SUBNETPOOL.answer(await _show(request, parts, await parts.subnetpools.create(pools)), bulk=bulk)


async def update(request: Request, parts: Parts) -> Body:
    """Change attributes; prefixes may only grow."""
    item = SUBNETPOOL.updated(request)
    row, on = await found(request, parts)
    request.authorize("update_subnetpool", on)
    authorize_attributes(request, "update_subnetpool", item, on, {})
    nullable = ("default_quota", "address_scope_id")
    changes = {name: value for name, value in item.items() if value is not None or name in nullable}
    if changes.get("address_scope_id") != row.address_scope_id:
        await _check_scope(request, parts, changes.get("address_scope_id"))
    if "prefixes" in changes:
        await _check_owner(request, parts, row)
    changed = await parts.subnetpools.update(row.id, changes, expected(request))
    return {"subnetpool": (await _show(request, parts, [changed]))[0]}


async def _check_scope(request: Request, parts: Parts, id: str | None) -> None:
    """Raises AddressScopeNotFound."""
    if id is not None:
        await address_scopes.found(request, parts, id)


async def _check_owner(request: Request, parts: Parts, row: SubnetPool) -> None:
    """Only who owns its scope changes a pool's prefixes. Raises IllegalSubnetPoolAssociationToAddressScope."""
    scope = await store.address_scopes.get(parts.db, row.address_scope_id)
    if scope is not None and request.visible_project() not in (None, scope.project_id):
        raise IllegalSubnetPoolAssociationToAddressScope(subnetpool_id=row.id, address_scope_id=scope.id)


async def add_prefixes(request: Request, parts: Parts) -> Body:
    """Some more prefixes."""
    return await _change_prefixes(request, parts, add=True)


async def remove_prefixes(request: Request, parts: Parts) -> Body:
    """Some less, none from which a subnet was cut."""
    return await _change_prefixes(request, parts, add=False)


async def _change_prefixes(request: Request, parts: Parts, *, add: bool) -> Body:
    row, on = await found(request, parts)
    request.authorize("add_prefixes" if add else "remove_prefixes", on)
    await _check_owner(request, parts, row)
    changed = await parts.subnetpools.change_prefixes(row.id, request.body["prefixes"], add=add)
    return {"prefixes": changed.prefixes}


async def onboard(request: Request, parts: Parts) -> list[Body]:
    """A network's subnets become the pool's."""
    row, on = await found(request, parts)
    request.authorize("onboard_network_subnets", on)
    network = await networks.found(request, parts, request.body["network_id"])
    if request.visible_project() not in (None, network.project_id):
        raise NetworkNotFound(id=network.id)
    return [{"id": one.id, "cidr": one.cidr} for one in await parts.subnetpools.onboard(row.id, network.id)]


async def delete(request: Request, parts: Parts) -> None:
    """Remove a pool of which no subnet was cut."""
    row, on = await found(request, parts)
    allowed(request, "delete", "subnetpool", on, SubnetPoolNotFound(id=row.id))
    await parts.subnetpools.delete(row.id, expected(request))
