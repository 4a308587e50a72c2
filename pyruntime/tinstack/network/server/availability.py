"""How full networks are. Source: Network API reference, Network IP availability."""

from collections.abc import Sequence
from ipaddress import ip_address

import msgspec
from sqlalchemy import func, select

from tinstack.core.db import Database
from tinstack.network.server import store
from tinstack.network.server import tables as t
from tinstack.network.server.rows import Network, Subnet
from tinstack.network.server.views import Body

_A, _S = t.allocations.c, t.subnets.c

USED = select(_A.subnet_id, func.count().label("used")).group_by(_A.subnet_id)


class _Used(msgspec.Struct, frozen=True):
    subnet_id: str
    used: int


async def of(db: Database, networks: Sequence[Network]) -> list[Body]:
    """One entry per network: totals and each subnet's."""
    ids = [network.id for network in networks]
    subnets = await store.all_in(db, store.ALL_SUBNETS, _S.network_id, ids, Subnet)
    rows = await store.all_in(db, USED, _A.subnet_id, [subnet.id for subnet in subnets], _Used)
    used = {row.subnet_id: row.used for row in rows}
    return [
        _shown(network, [_subnet(one, used.get(one.id, 0)) for one in subnets if one.network_id == network.id])
        for network in networks
    ]


def _subnet(subnet: Subnet, used: int) -> Body:
    total = sum(int(ip_address(pool.end)) - int(ip_address(pool.start)) + 1 for pool in subnet.allocation_pools)
    return {
        "subnet_id": subnet.id,
        "subnet_name": subnet.name,
        "cidr": subnet.cidr,
        "ip_version": subnet.ip_version,
        "total_ips": total,
        "used_ips": used,
    }


def _shown(network: Network, subnets: Sequence[Body]) -> Body:
    return {
        "network_id": network.id,
        "network_name": network.name,
        "project_id": network.project_id,
        "tenant_id": network.project_id,
        "total_ips": sum(one["total_ips"] for one in subnets),
        "used_ips": sum(one["used_ips"] for one in subnets),
        "subnet_ip_availability": subnets,
    }
