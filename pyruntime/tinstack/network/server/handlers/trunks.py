"""Trunks and their ports. Source: Network API reference, Trunks."""

from collections.abc import Sequence
from uuid import uuid4

from tinstack.core.http import Request
from tinstack.network.server import lists_sharing, store, trunks, views_sharing
from tinstack.network.server.handlers import ports
from tinstack.network.server.handlers.common import Body, allowed, listed, shown, target, visible
from tinstack.network.server.parts import Parts
from tinstack.network.server.revisions import expected
from tinstack.network.server.rows_sharing import Trunk
from tinstack.network.server.schemas.trunks import TRUNK
from tinstack.network.server.trunks import TrunkNotFound, sub_ports_of


async def found(request: Request, parts: Parts) -> Trunk:
    """The trunk of the path, if the caller sees it. Raises TrunkNotFound."""
    row = await store.trunks.get(parts.db, request.path["id"])
    missing = TrunkNotFound(id=request.path["id"])
    if row is None:
        raise missing
    visible(request, "get_trunk", target(row), missing)
    return row


async def _show(request: Request, parts: Parts, rows: Sequence[Trunk]) -> list[Body]:
    sub_ports = await trunks.of_trunks(parts.db, [row.id for row in rows])
    return [views_sharing.trunk(row, sub_ports[row.id]) for row in rows]


async def index(request: Request, parts: Parts) -> Body:
    """Own trunks."""
    return await listed(request, parts, "trunks", lists_sharing.TRUNKS, _show)


async def show(request: Request, parts: Parts) -> Body:
    """One trunk."""
    return shown(request, "trunk", (await _show(request, parts, [await found(request, parts)]))[0])


async def create(request: Request, parts: Parts) -> Body:
    """A trunk on a port, with or without others."""
    items, bulk = TRUNK.created(request)
    made = []
    for item in items:
        request.authorize("create_trunk", {"project_id": item["project_id"], "tenant_id": item["project_id"]})
        id = str(uuid4())
        wanted = sub_ports_of(id, item.pop("sub_ports", None) or [])
        for port_id in (item["port_id"], *(one.port_id for one in wanted)):
            await ports.found(request, parts, port_id)
        made.append(await parts.trunks.create(Trunk(id=id, **item), wanted))
    return TRUNK.answer(await _show(request, parts, made), bulk=bulk)


async def update(request: Request, parts: Parts) -> Body:
    """Change attributes."""
    row = await found(request, parts)
    item = TRUNK.updated(request)
    request.authorize("update_trunk", target(row))
    changed = await parts.trunks.update(row.id, item, expected(request))
    return {"trunk": (await _show(request, parts, [changed]))[0]}


async def delete(request: Request, parts: Parts) -> None:
    """Remove a trunk; its ports stay."""
    row = await found(request, parts)
    allowed(request, "delete", "trunk", target(row), TrunkNotFound(id=row.id))
    await parts.trunks.delete(row.id, expected(request))


async def sub_ports(request: Request, parts: Parts) -> Body:
    """Its ports."""
    row = await found(request, parts)
    there = await trunks.of_trunks(parts.db, [row.id])
    return {"sub_ports": [views_sharing.sub_port(one) for one in there[row.id]]}


async def add_sub_ports(request: Request, parts: Parts) -> Body:
    """Some more."""
    row = await found(request, parts)
    request.authorize("add_subports", target(row))
    wanted = sub_ports_of(row.id, request.body["sub_ports"])
    for one in wanted:
        await ports.found(request, parts, one.port_id)
    return (await _show(request, parts, [await parts.trunks.add(row.id, wanted)]))[0]


async def remove_sub_ports(request: Request, parts: Parts) -> Body:
    """Some less."""
    row = await found(request, parts)
    request.authorize("remove_subports", target(row))
    changed = await parts.trunks.remove(row.id, [one["port_id"] for one in request.body["sub_ports"]])
    return (await _show(request, parts, [changed]))[0]
