"""Hypervisors and, to 2.42, hosts. Source: compute API reference, "Hypervisors", "Hosts"."""

import uuid

from tinstack.api.errors import Invalid
from tinstack.api.hosts import Fleet, Host, fleet_of, hosts_of
from tinstack.api.parts import Compute
from tinstack.api.schemas.words import truth
from tinstack.api.views import API, Body
from tinstack.api.views import hosts as views
from tinstack.core.errors import NotFound, NotImplementedHere
from tinstack.core.http import Request, page_of
from tinstack.core.http.paging import next_link


class HypervisorNotFound(NotFound):
    """404: no hypervisor of that id or name."""

    code, message = "compute.hypervisor.not_found", "Hypervisor with ID '{id}' could not be found."


async def _all(service: Compute) -> list[Host]:
    return await hosts_of(service, await fleet_of(service))


def _with_servers(request: Request) -> bool:
    return request.at_least(2, 53) and truth(request.query.get("with_servers", "false"))


def _shown(host: Host, request: Request, *, detail: bool, servers: bool) -> Body:
    if detail:
        shown = views.hypervisor(host.node, request, host.service, host.up, host.usage)
    else:
        shown = views.hypervisor_brief(host.node, request, host.service, host.up)
    if servers and (host.usage.servers or request.at_least(2, 75)):
        shown["servers"] = views.servers_on(host.usage)
    return shown


async def _list(request: Request, service: Compute, detail: bool) -> Body:
    hosts = await _all(service)
    pattern = request.query.get("hypervisor_hostname_pattern") if request.at_least(2, 53) else None
    if pattern is not None:
        if request.query.get("limit") or request.query.get("marker"):
            raise Invalid(
                "Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported."
            )
        hosts = [host for host in hosts if pattern in host.node.host]
        if not hosts:
            raise NotFound(f"No hypervisor matching '{pattern}' could be found.")
    more, servers = None, _with_servers(request)
    if request.at_least(2, 33):
        page = page_of(request, service.config.page_limit)
        ids = [str(host.node.id if request.at_least(2, 53) else host.node.number) for host in hosts]
        if page.marker is not None:
            if page.marker not in ids:
                raise Invalid(f"marker [{page.marker}] not found")
            start = ids.index(page.marker) + 1
            hosts, ids = hosts[start:], ids[start:]
        hosts = hosts[: page.limit]
        path = f"{API}/os-hypervisors" + ("/detail" if detail else "")
        if page.explicit:
            more = next_link(request, path, ids[: page.limit], page, str)
    body: Body = {"hypervisors": [_shown(host, request, detail=detail, servers=servers) for host in hosts]}
    return body | ({"hypervisors_links": more} if more else {})


async def index(request: Request, service: Compute) -> Body:
    """``GET /os-hypervisors``."""
    return await _list(request, service, detail=False)


async def detail(request: Request, service: Compute) -> Body:
    """``GET /os-hypervisors/detail``."""
    return await _list(request, service, detail=True)


async def _one(request: Request, service: Compute) -> Host:
    id = request.path["id"]
    if request.at_least(2, 53):
        try:
            uuid.UUID(id)
        except ValueError as error:
            raise Invalid(f"Invalid uuid {id}") from error
    for host in await _all(service):
        if id == (host.node.id if request.at_least(2, 53) else str(host.node.number)):
            return host
    raise HypervisorNotFound(id=id)


async def show(request: Request, service: Compute) -> Body:
    """``GET /os-hypervisors/{id}``."""
    host = await _one(request, service)
    return {"hypervisor": _shown(host, request, detail=True, servers=_with_servers(request))}


async def statistics(request: Request, service: Compute) -> Body:
    """``GET /os-hypervisors/statistics`` (to 2.87): the sums over enabled hypervisors."""
    total: dict[str, int] = {}
    hosts = [host for host in await _all(service) if host.service and not host.service.disabled]
    for host in hosts:
        for name, value in views.figures(host.node, host.usage).items():
            total[name] = total.get(name, 0) + int(value)
    if not hosts:
        total = dict.fromkeys(_FIGURES, 0)
    return {"hypervisor_statistics": {"count": len(hosts), **total}}


_FIGURES = (
    "vcpus", "memory_mb", "local_gb", "vcpus_used", "memory_mb_used", "local_gb_used", "free_ram_mb", "free_disk_gb",
    "current_workload", "running_vms", "disk_available_least",
)  # fmt: skip


async def uptime(request: Request, service: Compute) -> Body:
    """``GET /os-hypervisors/{id}/uptime`` (to 2.87): hosts do not report it."""
    await _one(request, service)
    raise NotImplementedHere("Virt driver does not implement uptime function.")


async def _matching(request: Request, service: Compute) -> list[Host]:
    pattern = request.path["id"]
    found = [host for host in await _all(service) if pattern in host.node.host]
    if not found:
        raise NotFound(f"No hypervisor matching '{pattern}' could be found.")
    return found


async def search(request: Request, service: Compute) -> Body:
    """``GET /os-hypervisors/{pattern}/search`` (to 2.52)."""
    hosts = await _matching(request, service)
    return {"hypervisors": [_shown(host, request, detail=False, servers=False) for host in hosts]}


async def servers(request: Request, service: Compute) -> Body:
    """``GET /os-hypervisors/{pattern}/servers`` (to 2.52)."""
    hosts = await _matching(request, service)
    return {"hypervisors": [_shown(host, request, detail=False, servers=True) for host in hosts]}


def _service_name(binary: str) -> str:
    return binary.removeprefix("nova-")


async def host_index(request: Request, service: Compute) -> Body:
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


async def host_show(request: Request, service: Compute) -> Body:
    """``GET /os-hosts/{name}`` (to 2.42): total, used, and used by each project."""
    name = request.path["name"]
    host = next((one for one in await _all(service) if one.node.host == name), None)
    if host is None:
        raise NotFound(f"Compute host {name} could not be found.")

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
