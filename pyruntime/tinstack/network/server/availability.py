"""How full networks are. Source: Network API reference, Network IP availability."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import msgspec
from sqlalchemy import select

from tinstack.core.db import Database
from tinstack.network.server import store
from tinstack.network.server import tables as t
from tinstack.network.server.rows import Network, Subnet
from tinstack.network.server.views import Body

_A, _S = t.allocations.c, t.subnets.c

DETAILS = (
    "total_ips_in_subnet",
    "total_ips_in_allocation_pool",
    "used_ips_in_subnet",
    "used_ips_in_allocation_pool",
)
USED = select(_A.subnet_id, _A.ip)


class _Used(msgspec.Struct, frozen=True):
    subnet_id: str
    ip: str


async def of(db: Database, networks: Sequence[Network]) -> list[Body]:
    """One entry per network: totals and each subnet's."""
    ids = [network.id for network in networks]
    subnets = await store.all_in(db, store.ALL_SUBNETS, _S.network_id, ids, Subnet)
    rows = await store.all_in(db, USED, _A.subnet_id, [subnet.id for subnet in subnets], _Used)
    used: dict[str, list[str]] = {}
    for row in rows:
        used.setdefault(row.subnet_id, []).append(row.ip)
    return [
        _shown(network, [_subnet(one, used.get(one.id, [])) for one in subnets if one.network_id == network.id])
        for network in networks
    ]


def _subnet(subnet: Subnet, used: Sequence[str]) -> Body:
    pools = [(int(ip_address(pool.start)), int(ip_address(pool.end))) for pool in subnet.allocation_pools]
    total = sum(end - start + 1 for start, end in pools)
    pooled = sum(any(start <= int(ip_address(ip)) <= end for start, end in pools) for ip in used)
    cidr = ip_network(subnet.cidr)
    reserved = 2 if cidr.version == 4 and cidr.prefixlen < 31 else 0
    return {
        "subnet_id": subnet.id,
        "subnet_name": subnet.name,
        "cidr": subnet.cidr,
        "ip_version": subnet.ip_version,
        "total_ips": total,
        "used_ips": len(used),
        "ip_availability_details": {
            "total_ips_in_subnet": cidr.num_addresses - reserved,
            "total_ips_in_allocation_pool": total,
            "used_ips_in_subnet": len(used),
            "used_ips_in_allocation_pool": pooled,
        },
    }


def _shown(network: Network, subnets: Sequence[Body]) -> Body:
    return {
        "network_id": network.id,
        "network_name": network.name,
        "project_id": network.project_id,
        "tenant_id": network.project_id,
        "total_ips": sum(one["total_ips"] for one in subnets),
        "used_ips": sum(one["used_ips"] for one in subnets),
        "ip_availability_details": {
            name: sum(one["ip_availability_details"][name] for one in subnets) for name in DETAILS
        },
        "subnet_ip_availability": subnets,
    }
