"""Routers and networks on agents. Source: Network API reference, L3 agent scheduler and DHCP agent scheduler."""

from tinstack.core.http import Request, Response
from tinstack.network.server import store
from tinstack.network.server.errors import NetworkNotFound, RouterNotFound
from tinstack.network.server.handlers import agents, networks, routers
from tinstack.network.server.handlers.common import Body
from tinstack.network.server.parts import Parts


def _made() -> Response:
    """201 with ``null``: nothing of its own came into being."""
    return Response(201, b"null", content_type="application/json")


async def routers_of(request: Request, parts: Parts) -> Body:
    """What an L3 agent serves."""
    rows = await parts.hosting.routers_on(request.path["id"])
    return {"routers": await routers.rendered(request, parts, rows)}


async def put_router(request: Request, parts: Parts) -> Response:
    """Have an L3 agent serve a router."""
    await parts.hosting.put_router(request.path["id"], request.body["router_id"])
    return _made()


async def take_router(request: Request, parts: Parts) -> None:
    """Have it serve the router no more."""
    await parts.hosting.take_router(request.path["id"], request.path["router_id"])


async def agents_of_router(request: Request, parts: Parts) -> Body:
    """Where a router is. ``ha_state``: of an HA router, active on the host that has it."""
    row = await store.routers.get(parts.db, request.path["id"])
    if row is None:
        raise RouterNotFound(id=request.path["id"])
    found = [agents.view(parts, agent) for agent in await parts.hosting.agents_of_router(row)]
    state = {"ha_state": "active" if row.ha else None}
    return {"agents": [agent | state for agent in found]}


async def networks_of(request: Request, parts: Parts) -> Body:
    """Whose DHCP an agent serves."""
    rows = await parts.hosting.networks_on(request.path["id"])
    return {"networks": await networks.rendered(request, parts, rows)}


async def put_network(request: Request, parts: Parts) -> Response:
    """Have a DHCP agent serve a network."""
    await parts.hosting.put_network(request.path["id"], request.body["network_id"])
    return _made()


async def take_network(request: Request, parts: Parts) -> None:
    """Have it serve the network no more."""
    await parts.hosting.take_network(request.path["id"], request.path["network_id"])


async def agents_of_network(request: Request, parts: Parts) -> Body:
    """The DHCP agents of a network."""
    row = await store.networks.get(parts.db, request.path["id"])
    if row is None:
        raise NetworkNotFound(id=request.path["id"])
    found = [agents.view(parts, agent) for agent in await parts.hosting.agents_of_network(row)]
    return {"agents": found}
