"""Agents and availability zones. Source: Network API reference, Agents and Availability zones."""

from typing import Any

from tinstack.core.http import Request
from tinstack.network.server import views
from tinstack.network.server.errors import HTTPBadRequest
from tinstack.network.server.handlers.common import Body, shown
from tinstack.network.server.listing import CONTROL
from tinstack.network.server.parts import Parts
from tinstack.network.server.rows import Agent
from tinstack.network.server.schemas.admin import AGENT

ZONE_RESOURCES = {"dhcp": "network", "l3": "router"}


def _view(parts: Parts, row: Agent) -> Body:
    return views.agent(row, alive=parts.agents.alive(row))


def _same(value: Any, text: str) -> bool:
    if isinstance(value, bool):
        return str(value).lower() == text.lower() or text == str(int(value))
    return str(value) == text


async def index(request: Request, parts: Parts) -> Body:
    """Every agent; filters on any attribute."""
    found = [_view(parts, row) for row in await parts.agents.all()]
    wanted: dict[str, list[str]] = {}
    for name, text in request.query.pairs:
        if name not in CONTROL:
            wanted.setdefault(name, []).append(text)
    for name, texts in wanted.items():
        if found and name not in found[0]:
            raise HTTPBadRequest(f"['{name}'] is invalid attribute for filtering")
        found = [one for one in found if any(_same(one[name], text) for text in texts)]
    fields = request.query.all("fields")
    return {"agents": [views.chosen(one, fields) for one in found]}


async def show(request: Request, parts: Parts) -> Body:
    """One agent."""
    return shown(request, "agent", _view(parts, await parts.agents.get(request.path["id"])))


async def update(request: Request, parts: Parts) -> Body:
    """Enable, disable, describe."""
    await parts.agents.get(request.path["id"])
    item = AGENT.updated(request)
    row = await parts.agents.update(request.path["id"], item.get("admin_state_up"), item.get("description"))
    return {"agent": _view(parts, row)}


async def delete(request: Request, parts: Parts) -> None:
    """Forget the agent of a host that is gone."""
    await parts.agents.delete(request.path["id"])


async def zones(request: Request, parts: Parts) -> Body:
    """The one zone, for networks and routers, as far as some agent serves them."""
    rows = await parts.agents.all()
    found = []
    for role, resource in ZONE_RESOURCES.items():
        if serving := [row for row in rows if row.role == role]:
            up = any(row.admin_state_up and parts.agents.alive(row) for row in serving)
            found.append({"name": views.ZONE, "resource": resource, "state": "available" if up else "unavailable"})
    for name, text in request.query.pairs:
        if name not in CONTROL:
            found = [one for one in found if one.get(name) == text]
    return {"availability_zones": found}
