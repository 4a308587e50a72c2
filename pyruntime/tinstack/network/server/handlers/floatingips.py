"""Floating IPs. Source: Network API reference, Floating IPs."""

from collections.abc import Sequence

from tinstack.core.http import Request
from tinstack.network.server import lists, store, store_l3, views, views_l3
from tinstack.network.server.bodies import authorize_attributes
from tinstack.network.server.errors import FloatingIPNotFound
from tinstack.network.server.floatingips import Asked, BadFloatingRequest, Target
from tinstack.network.server.handlers import networks, ports, qos
from tinstack.network.server.handlers.common import Body, allowed, listed, shown, target, visible
from tinstack.network.server.parts import Parts
from tinstack.network.server.revisions import expected
from tinstack.network.server.rows import FloatingIp
from tinstack.network.server.schemas.routers import FLOATINGIP


async def found(request: Request, parts: Parts) -> FloatingIp:
    """The floating IP of the path, if the caller sees it. Raises FloatingIPNotFound."""
    row = await store.floatingips.get(parts.db, request.path["id"])
    missing = FloatingIPNotFound(id=request.path["id"])
    if row is None:
        raise missing
    visible(request, "get_floatingip", target(row), missing)
    return row


async def _show(request: Request, parts: Parts, rows: Sequence[FloatingIp]) -> list[Body]:
    inside = await store.by_ids(parts.db, store.ports, (row.port_id for row in rows))
    forwardings = await store_l3.forwardings_of(parts.db, [row.id for row in rows])
    return [
        views.floatingip(
            row, inside.get(row.port_id or ""), map(views_l3.forwarding_of_floatingip, forwardings[row.id])
        )
        for row in rows
    ]


async def index(request: Request, parts: Parts) -> Body:
    """Own floating IPs."""
    return await listed(request, parts, "floatingips", lists.FLOATINGIPS, _show)


async def show(request: Request, parts: Parts) -> Body:
    """One floating IP."""
    row = await found(request, parts)
    return shown(request, "floatingip", (await _show(request, parts, [row]))[0])


async def _target(request: Request, parts: Parts, item: Body) -> Target | None:
    """The port to lead to, which the caller must see. Raises PortNotFound, BadFloatingRequest."""
    port_id, fixed = item.get("port_id"), item.get("fixed_ip_address")
    if port_id is None:
        if fixed is not None:
            raise BadFloatingRequest(msg="fixed_ip_address cannot be specified without a port_id")
        if item.get("router_id") is not None:
            raise BadFloatingRequest(msg="router_id cannot be specified without a port_id")
        return None
    await ports.found(request, parts, port_id)
    return Target(port_id, fixed, item.get("router_id"))


async def create(request: Request, parts: Parts) -> Body:
    """One floating IP, with or without a port."""
    items, bulk = FLOATINGIP.created(request)
    made = []
    for item in items:
        on = {"project_id": item["project_id"], "tenant_id": item["project_id"]}
        request.authorize("create_floatingip", on)
        authorize_attributes(request, "create_floatingip", item, on, {})
        await networks.found(request, parts, item["floating_network_id"])
        await qos.check_use(request, parts, item)
        row = FloatingIp(
            id="",
            project_id=item["project_id"],
            description=item.get("description", ""),
            floating_network_id=item["floating_network_id"],
            floating_ip_address="",
            floating_port_id="",
            qos_policy_id=item.get("qos_policy_id"),
        )
        asked = Asked(
            floatingip=row,
            subnet_id=item.get("subnet_id"),
            address=item.get("floating_ip_address"),
            target=await _target(request, parts, item),
        )
        made.append(await parts.floatingips.create(asked))
    return FLOATINGIP.answer(await _show(request, parts, made), bulk=bulk)


async def update(request: Request, parts: Parts) -> Body:
    """Lead to a port, or to none."""
    row = await found(request, parts)
    item = FLOATINGIP.updated(request)
    request.authorize("update_floatingip", target(row))
    await qos.check_use(request, parts, item, row.qos_policy_id)
    others = item.get("fixed_ip_address") is not None or item.get("router_id") is not None
    if "port_id" not in item and others and row.port_id is not None:
        item["port_id"] = row.port_id
    changed = await parts.floatingips.update(
        row.id,
        expected(request),
        changes={name: item[name] for name in ("description", "qos_policy_id") if name in item},
        target=await _target(request, parts, item),
        retarget="port_id" in item,
    )
    return {"floatingip": (await _show(request, parts, [changed]))[0]}


async def delete(request: Request, parts: Parts) -> None:
    """Give the address back."""
    row = await found(request, parts)
    allowed(request, "delete", "floatingip", target(row), FloatingIPNotFound(id=row.id))
    await parts.floatingips.delete(row.id, expected(request))
