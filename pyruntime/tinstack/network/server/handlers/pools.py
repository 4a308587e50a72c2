"""Where floating IPs come from. Source: Network API reference, Floating IP pools."""

from sqlalchemy import bindparam, or_, select

from tinstack.core.db import prepared
from tinstack.core.http import Request
from tinstack.network.server import tables as t
from tinstack.network.server.handlers import computed
from tinstack.network.server.handlers.common import Body
from tinstack.network.server.parts import Parts
from tinstack.network.server.rows import Subnet
from tinstack.network.server.sharing import visible

_S, _N = t.subnets.c, t.networks.c

EVERY = (
    select(t.subnets)
    .join(t.networks, _N.id == _S.network_id)
    .where(_N.external == 1, _S.ip_version == 4)
    .order_by(_S.created_at, _S.id)
)
ALL = prepared(EVERY)
SEEN = prepared(EVERY.where(or_(_N.project_id == bindparam("project"), visible("network", _N.id))))

NAMES = ("subnet_id", "subnet_name", "network_id", "cidr", "project_id", "tenant_id")


async def index(request: Request, parts: Parts) -> Body:
    """The IPv4 subnets of external networks that the caller sees."""
    project = request.visible_project()
    rows = await parts.db.all(ALL, Subnet) if project is None else await parts.db.all(SEEN, Subnet, project=project)
    found = [
        {
            "subnet_id": row.id,
            "subnet_name": row.name,
            "network_id": row.network_id,
            "cidr": row.cidr,
            "project_id": row.project_id,
            "tenant_id": row.project_id,
        }
        for row in rows
    ]
    return computed.listed(request, "floatingip_pools", found, NAMES, "subnet_id")
