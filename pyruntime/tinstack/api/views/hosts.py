"""Services, hypervisors, aggregates and server groups as the API shows them."""

from typing import Any

import msgspec

from tinstack.api.views import Body
from tinstack.computedb.aggregates import Aggregate
from tinstack.computedb.fleet import Node, Placed, Service
from tinstack.computedb.groups import ServerGroup
from tinstack.core.clock import iso_us
from tinstack.core.http import Request


def service(row: Service, request: Request, zone: str, up: bool) -> Body:
    """A service in a list, and from 2.53 the answer of its update."""
    shown: Body = {
        "id": row.id if request.at_least(2, 53) else row.number,
        "binary": row.binary,
        "host": row.host,
        "zone": zone,
        "status": "disabled" if row.disabled else "enabled",
        "state": "up" if up else "down",
        "updated_at": iso_us(row.seen_at),
        "disabled_reason": row.disabled_reason,
    }
    if request.at_least(2, 11):
        shown["forced_down"] = row.forced_down
    return shown


class Usage:
    """What the servers of a host take. MiB, GiB."""

    def __init__(self, servers: list[Placed]) -> None:
        self.servers = servers
        flavors = [one.flavor for one in servers]
        self.vcpus = sum(flavor.vcpus for flavor in flavors)
        self.ram = sum(flavor.ram_mib for flavor in flavors)
        self.disk = sum(flavor.root_gib + flavor.ephemeral_gib for flavor in flavors)
        self.busy = sum(one.task_state is not None for one in servers)


def hypervisor_brief(node: Node, request: Request, service: Service | None, up: bool) -> Body:
    """A hypervisor's name, state and status."""
    return {
        "id": node.id if request.at_least(2, 53) else node.number,
        "hypervisor_hostname": node.host,
        "state": "up" if up else "down",
        "status": "disabled" if service is None or service.disabled else "enabled",
    }


def figures(node: Node, usage: Usage) -> Body:
    """What a hypervisor has and what is used; not shown from 2.88 on."""
    return {
        "vcpus": node.vcpus,
        "memory_mb": node.ram_mib,
        "local_gb": node.disk_gib,
        "vcpus_used": usage.vcpus,
        "memory_mb_used": usage.ram,
        "local_gb_used": usage.disk,
        "free_ram_mb": node.ram_mib - usage.ram,
        "free_disk_gb": node.disk_gib - usage.disk,
        "current_workload": usage.busy,
        "running_vms": len(usage.servers),
        "disk_available_least": node.free_disk_gib,
    }


def servers_on(usage: Usage) -> list[Body]:
    """The servers of a hypervisor."""
    return [{"name": one.name, "uuid": one.id} for one in usage.servers]


def hypervisor(node: Node, request: Request, service: Service | None, up: bool, usage: Usage) -> Body:
    """All of a hypervisor, in its bands 2.1, 2.28, 2.53 and 2.88."""
    shown = hypervisor_brief(node, request, service, up)
    shown |= {
        "hypervisor_type": node.hypervisor_type,
        "hypervisor_version": node.hypervisor_version,
        "host_ip": node.host_ip,
        "service": {
            "id": (service.id if request.at_least(2, 53) else service.number) if service else node.number,
            "host": node.host,
            "disabled_reason": service.disabled_reason if service else None,
        },
    }
    if request.at_least(2, 88):
        return shown | {"uptime": None}
    info: Any = node.cpu_info
    if not request.at_least(2, 28):
        info = msgspec.json.encode(node.cpu_info).decode() if node.cpu_info else ""
    return shown | figures(node, usage) | {"cpu_info": info}


def aggregate(row: Aggregate, request: Request, *, created: bool = False) -> Body:
    """An aggregate; the answer of its creation lacks hosts and metadata."""
    shown: Body = {
        "id": row.id,
        "name": row.name,
        "availability_zone": row.zone,
        "created_at": iso_us(row.created_at),
        "updated_at": iso_us(row.updated_at) if row.updated_at else None,
        "deleted": False,
        "deleted_at": None,
    }
    if not created:
        shown["hosts"] = row.hosts
        shown["metadata"] = row.metadata
    if request.at_least(2, 41):
        shown["uuid"] = row.uuid
    return {"aggregate": shown}


def group(row: ServerGroup, members: list[str], request: Request) -> Body:
    """A server group, in its bands 2.1, 2.13 and 2.64."""
    shown: Body = {"id": row.id, "name": row.name, "members": members}
    if request.at_least(2, 64):
        shown |= {"policy": row.policy, "rules": row.rules}
    else:
        shown |= {"policies": [row.policy], "metadata": {}}
    if request.at_least(2, 13):
        shown |= {"project_id": row.project_id, "user_id": row.user_id}
    return shown
