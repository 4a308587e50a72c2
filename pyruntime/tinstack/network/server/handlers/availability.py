"""How full networks are. Source: Network API reference, Network IP availability."""

from sqlalchemy import select

from tinstack.core.http import Request
from tinstack.network.server import availability, store
from tinstack.network.server import tables as t
from tinstack.network.server.errors import HTTPBadRequest, NetworkNotFound
from tinstack.network.server.handlers.common import Body, shown
from tinstack.network.server.listing import CONTROL
from tinstack.network.server.parts import Parts
from tinstack.network.server.rows import Network

FILTERS = {"network_id": "id", "network_name": "name", "project_id": "project_id", "tenant_id": "project_id"}
EVERY = select(t.networks).order_by(t.networks.c.id)


async def index(request: Request, parts: Parts) -> Body:
    """Every network, filtered by id, name, project or the IP version of its subnets."""
    rows = await parts.db.all(EVERY, Network)
    version: int | None = None
    for name, text in request.query.pairs:
        if name in FILTERS:
            rows = [row for row in rows if getattr(row, FILTERS[name]) == text]
        elif name == "ip_version":
            version = request.query.integer(name)
        elif name not in CONTROL:
            raise HTTPBadRequest(f"['{name}'] is invalid attribute for filtering")
    found = await availability.of(parts.db, rows)
    if version is not None:
        found = [one for one in found if any(sub["ip_version"] == version for sub in one["subnet_ip_availability"])]
    return {"network_ip_availabilities": found}


async def show(request: Request, parts: Parts) -> Body:
    """One network."""
    row = await store.networks.get(parts.db, request.path["id"])
    if row is None:
        raise NetworkNotFound(id=request.path["id"])
    return shown(request, "network_ip_availability", (await availability.of(parts.db, [row]))[0])
