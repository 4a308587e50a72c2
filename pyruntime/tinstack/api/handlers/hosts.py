"""Hosts up to 2.42. Source: compute API reference, "Hosts (os-hosts) (DEPRECATED)"."""

from msgspec.structs import replace

from tinstack.api.hosts import Fleet, Host, fleet_of, hosts_of
from tinstack.api.parts import Compute
from tinstack.api.views import Body
from tinstack.api.views import hosts as views
from tinstack.computedb import fleet as store
from tinstack.core.clock import now_us
from tinstack.core.errors import NotFound, NotImplementedHere
from tinstack.core.http import Request


async def _host(request: Request, service: Compute) -> Host:
    name = request.path["name"]
    for host in await hosts_of(service, await fleet_of(service)):
        if host.node.host == name:
            return host
    raise NotFound(f"Compute host {name} could not be found.")


def _service_name(binary: str) -> str:
    return binary.removeprefix("nova-")


async def index(request: Request, service: Compute) -> Body:
    """``GET /os-hosts`` (to 2.42)."""
    known: Fleet = await fleet_of(service)
    zone = request.query.get("zone")
    return {
        "hosts": [
            {"host_name": row.host, "service": _service_name(row.binary), "zone": known.zone(row)}
            for row in known.services
            if zone in (None, known.zone(row))
        ]
    }


async def show(request: Request, service: Compute) -> Body:
    """``GET /os-hosts/{name}`` (to 2.42): total, used, and used by each project."""
    name = request.path["name"]
    host = await _host(request, service)

    def resource(project: str, cpu: int, memory: int, disk: int) -> Body:
        return {"resource": {"host": name, "project": project, "cpu": cpu, "memory_mb": memory, "disk_gb": disk}}

    usage = host.usage
    rows = [
        resource("(total)", host.node.vcpus, host.node.ram_mib, host.node.disk_gib),
        resource("(used_now)", usage.vcpus, usage.ram, usage.disk),
        resource("(used_max)", usage.vcpus, usage.ram, usage.disk),
    ]
    for project in dict.fromkeys(server.project_id for server in usage.servers):
        own = views.Usage([server for server in usage.servers if server.project_id == project])
        rows.append(resource(project, own.vcpus, own.ram, own.disk))
    return {"host": rows}


async def update(request: Request, service: Compute) -> Body:
    """``PUT /os-hosts/{name}``: whether its service takes new servers. Guests are not moved away for maintenance."""
    host, wanted = await _host(request, service), request.body
    if "maintenance_mode" in wanted:
        raise NotImplementedHere("Virt driver does not implement host maintenance mode.")
    if host.service is None:
        raise NotFound(f"Compute host {host.node.host} has no service.")
    disabled = wanted["status"].strip().lower() == "disable"
    await store.switch(service.db, replace(host.service, disabled=disabled, disabled_reason=None), now_us())
    return {"host": host.node.host, "status": "disabled" if disabled else "enabled"}


async def power(request: Request, service: Compute) -> None:
    """``GET /os-hosts/{name}/startup``, ``shutdown`` and ``reboot``: hosts are not switched by their hypervisor."""
    await _host(request, service)
    raise NotImplementedHere("Virt driver does not implement host power management.")
