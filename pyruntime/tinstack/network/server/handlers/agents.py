"""Agents and availability zones. Source: Network API reference, Agents and Availability zones."""

from tinstack.core.http import Request
from tinstack.network.server import views
from tinstack.network.server.handlers import computed
from tinstack.network.server.handlers.common import Body, shown
from tinstack.network.server.parts import Parts
from tinstack.network.server.rows import Agent
from tinstack.network.server.schemas.admin import AGENT

ZONE_RESOURCES = {"dhcp": "network", "l3": "router"}
FILTERS = (
    "id", "agent_type", "alive", "admin_state_up", "availability_zone", "binary", "description", "host", "topic",
    "configurations", "created_at", "started_at", "heartbeat_timestamp", "resources_synced",
)  # fmt: skip


def view(parts: Parts, row: Agent) -> Body:
    """An agent as it is now."""
    return views.agent(row, alive=parts.agents.alive(row))


async def index(request: Request, parts: Parts) -> Body:
    """Every agent, for those who may see one; others get an empty list."""
    rows = await parts.agents.all() if request.may("get_agent", {}) else []
    return computed.listed(request, "agents", [view(parts, row) for row in rows], FILTERS)


async def show(request: Request, parts: Parts) -> Body:
    """One agent."""
    return shown(request, "agent", view(parts, await parts.agents.get(request.path["id"])))


async def update(request: Request, parts: Parts) -> Body:
    """Enable, disable, describe."""
    await parts.agents.get(request.path["id"])
    item = AGENT.updated(request)
    row = await parts.agents.update(request.path["id"], item.get("admin_state_up"), item.get("description"))
    return {"agent": view(parts, row)}


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
    return computed.listed(request, "availability_zones", found, ("name", "resource", "state"), "name")
