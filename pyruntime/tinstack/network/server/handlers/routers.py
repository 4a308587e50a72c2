"""Routers. Source: Network API reference, Routers."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import msgspec

from tinstack.core.http import Request
from tinstack.network.server import flavors, lists, store, store_l3, views, views_l3
from tinstack.network.server.addresses import Fixed
from tinstack.network.server.bodies import authorize_attributes
from tinstack.network.server.errors import HTTPBadRequest, PortNotFound, RouterNotFound
from tinstack.network.server.handlers import networks, ports, qos, subnets
from tinstack.network.server.handlers.common import Body, allowed, check_zones, listed, shown, target, visible
from tinstack.network.server.parts import Parts
from tinstack.network.server.revisions import expected
from tinstack.network.server.router_errors import BadRouterRequest
from tinstack.network.server.routers import GatewayWanted
from tinstack.network.server.rows import Route, Router
from tinstack.network.server.schemas.routers import ROUTER


async def found(request: Request, parts: Parts) -> Router:
    """The router of the path, if the caller sees it. Raises RouterNotFound."""
    row = await store.routers.get(parts.db, request.path["id"])
    missing = RouterNotFound(id=request.path["id"])
    if row is None:
        raise missing
    visible(request, "get_router", target(row), missing)
    return row


async def rendered(request: Request, parts: Parts, rows: Sequence[Router]) -> list[Body]:
    """Routers as the caller sees them."""
    gateways = await store.gateways_of(parts.db, [row.id for row in rows if row.gateway_port_id])
    held = await store.allocations(parts.db, [port.id for ports in gateways.values() for port in ports])
    hidden = {name for name in ("distributed", "ha") if not request.may(f"get_router:{name}")}
    helpers = await store_l3.helpers_of(parts.db, [row.id for row in rows])
    found = [
        views.router(
            row,
            [
                (port.network_id, held[port.id])
                for port in sorted(gateways.get(row.id, []), key=lambda port: port.id != row.gateway_port_id)
            ],
            map(views_l3.helper_of_router, helpers[row.id]),
        )
        for row in rows
    ]
    return [{name: value for name, value in one.items() if name not in hidden} for one in found] if hidden else found


async def _one(request: Request, parts: Parts, row: Router) -> Body:
    return {"router": (await rendered(request, parts, [row]))[0]}


async def index(request: Request, parts: Parts) -> Body:
    """Own routers."""
    return await listed(request, parts, "routers", lists.ROUTERS, rendered)


async def show(request: Request, parts: Parts) -> Body:
    """One router."""
    row = await found(request, parts)
    return shown(request, "router", (await rendered(request, parts, [row]))[0])


async def _gateway(request: Request, parts: Parts, item: Body, row: Router | None) -> GatewayWanted | None:
    """``external_gateway_info`` as asked for; null or empty clears it. Raises NetworkNotFound, BadRouterRequest."""
    given = item.get("external_gateway_info") or {}
    if not given:
        return None
    network_id = given.get("network_id") or (row.gateway_network_id if row and "network_id" not in given else None)
    if network_id is None:
        if "network_id" in given:
            return None
        raise BadRouterRequest(msg="external_gateway_info names no network_id")
    await networks.found(request, parts, network_id)
    fixed = given.get("external_fixed_ips")
    await qos.check_use(request, parts, given, row.gateway_qos_policy_id if row else None)
    return GatewayWanted(
        network_id=network_id,
        enable_snat=given.get("enable_snat"),
        fixed=[Fixed(**one) for one in fixed] if fixed else None,
        qos=given.get("qos_policy_id", msgspec.UNSET),
    )


def _routes(given: Any) -> list[Route]:
    routes = msgspec.convert(given or [], list[Route])
    if len(set(routes)) < len(routes):
        raise HTTPBadRequest("Invalid input for routes. Reason: Duplicate hostroute.")
    return routes


async def create(request: Request, parts: Parts) -> Body:
    """One router."""
    items, bulk = ROUTER.created(request)
    made = []
    for item in items:
        on = {"project_id": item["project_id"], "tenant_id": item["project_id"]}
        request.authorize("create_router", on)
        authorize_attributes(request, "create_router", item, on, {})
        item = {name: value for name, value in item.items() if value is not None}
        check_zones(item)
        gateway = await _gateway(request, parts, item, None)
        item.pop("external_gateway_info", None)
        row = await flavors.shape(parts.db, Router(id=str(uuid4()), **item))
        made.append(await parts.routers.create(row, gateway))
    return ROUTER.answer(await rendered(request, parts, made), bulk=bulk)


async def update(request: Request, parts: Parts) -> Body:
    """Change attributes, gateway, routes."""
    row = await found(request, parts)
    item = ROUTER.updated(request)
    request.authorize("update_router", target(row))
    authorize_attributes(request, "update_router", item, target(row), {})
    gateway = await _gateway(request, parts, item, row)
    regate = "external_gateway_info" in item
    item.pop("external_gateway_info", None)
    item = {name: value for name, value in item.items() if value is not None or name == "routes"}
    if "routes" in item:
        item["routes"] = _routes(item["routes"])
    changed = await parts.routers.update(row.id, item, expected(request), gateway, regate=regate)
    return await _one(request, parts, changed)


async def delete(request: Request, parts: Parts) -> None:
    """Remove a router without interfaces."""
    row = await found(request, parts)
    allowed(request, "delete", "router", target(row), RouterNotFound(id=row.id))
    await parts.routers.delete(row.id, expected(request))


async def add_interface(request: Request, parts: Parts) -> Body:
    """By subnet (its gateway address) or by port."""
    row = await found(request, parts)
    request.authorize("add_router_interface", target(row))
    subnet_id, port_id = request.body.get("subnet_id"), request.body.get("port_id")
    if subnet_id and port_id:
        raise BadRouterRequest(msg="Cannot specify both subnet-id and port-id")
    if port_id:
        port, _ = await ports.found(request, parts, port_id)
        if port.project_id != row.project_id and not request.context.is_admin:
            raise PortNotFound(id=port_id)
        made = await parts.routers.add_port(row.id, port_id)
    elif subnet_id:
        subnet, _ = await subnets.found(request, parts, subnet_id)
        made = await parts.routers.add_subnet(row.id, subnet, row.project_id)
    else:
        raise BadRouterRequest(msg="Either subnet_id or port_id must be specified")
    return views.interface(row.id, row.project_id, made.port, made.subnet_ids)


async def remove_interface(request: Request, parts: Parts) -> Body:
    """By subnet, by port, or by both, which must agree."""
    row = await found(request, parts)
    request.authorize("remove_router_interface", target(row))
    subnet_id, port_id = request.body.get("subnet_id"), request.body.get("port_id")
    if not (subnet_id or port_id):
        raise BadRouterRequest(msg="Either subnet_id or port_id must be specified")
    gone = await parts.routers.remove_interface(row.id, subnet_id, port_id)
    return views.interface(row.id, row.project_id, gone.port, gone.subnet_ids)


async def add_routes(request: Request, parts: Parts) -> Body:
    """Some routes more."""
    row = await found(request, parts)
    request.authorize("add_extraroutes", target(row))
    routes = _routes(request.body["router"]["routes"])
    return await _one(request, parts, await parts.routers.change_routes(row.id, routes, add=True))


async def remove_routes(request: Request, parts: Parts) -> Body:
    """Some routes less."""
    row = await found(request, parts)
    request.authorize("remove_extraroutes", target(row))
    routes = _routes(request.body["router"]["routes"])
    return await _one(request, parts, await parts.routers.change_routes(row.id, routes, add=False))


async def _wanted(request: Request, parts: Parts) -> list[GatewayWanted]:
    """``external_gateways`` of the body. Raises NetworkNotFound."""
    found = []
    for given in request.body["router"]["external_gateways"]:
        await networks.found(request, parts, given["network_id"])
        await qos.check_use(request, parts, given)
        fixed = given.get("external_fixed_ips")
        found.append(
            GatewayWanted(
                network_id=given["network_id"],
                enable_snat=given.get("enable_snat"),
                fixed=[Fixed(**one) for one in fixed] if fixed else None,
                qos=given.get("qos_policy_id", msgspec.UNSET),
            )
        )
    return found


async def _authorized(request: Request, parts: Parts, action: str) -> Router:
    """The router, if the caller may give it such gateways."""
    row = await found(request, parts)
    request.authorize(action, target(row))
    for given in request.body["router"]["external_gateways"]:
        authorize_attributes(request, action, {"external_gateways": given}, target(row), {})
    return row


async def add_gateways(request: Request, parts: Parts) -> Body:
    """Some gateways more."""
    row = await _authorized(request, parts, "add_external_gateways")
    return await _one(request, parts, await parts.gateways.add(row.id, await _wanted(request, parts)))


async def update_gateways(request: Request, parts: Parts) -> Body:
    """These gateways and no others."""
    row = await _authorized(request, parts, "update_external_gateways")
    return await _one(request, parts, await parts.gateways.replace(row.id, await _wanted(request, parts)))


async def remove_gateways(request: Request, parts: Parts) -> Body:
    """Some gateways less."""
    row = await _authorized(request, parts, "remove_external_gateways")
    return await _one(request, parts, await parts.gateways.remove(row.id, await _wanted(request, parts)))
