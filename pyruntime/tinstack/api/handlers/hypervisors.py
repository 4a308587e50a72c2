"""Hypervisors. Source: compute API reference, "Hypervisors"."""

import asyncio
import logging
import uuid

from tinstack.api.errors import Invalid
from tinstack.api.hosts import Host, fleet_of, hosts_of
from tinstack.api.parts import Compute
from tinstack.api.schemas.words import truth
from tinstack.api.views import API, Body
from tinstack.api.views import hosts as views
from tinstack.compute import rpc as compute_rpc
from tinstack.compute.rpc import GetUptime, Uptime
from tinstack.core.errors import ApiError, NotFound
from tinstack.core.http import Request, page_of
from tinstack.core.http.paging import next_link

log = logging.getLogger(__name__)

UPTIME_SECONDS = 5.0


class HypervisorNotFound(NotFound):
    """404: no hypervisor of that id or name."""

    code, message = "compute.hypervisor.not_found", "Hypervisor with ID '{id}' could not be found."


async def _all(service: Compute) -> list[Host]:
    return await hosts_of(service, await fleet_of(service))


def _with_servers(request: Request) -> bool:
    return request.at_least(2, 53) and truth(request.query.get("with_servers", "false"))


async def _detailed(service: Compute, hosts: list[Host], request: Request, *, servers: bool) -> list[Body]:
    """All of each; the uptimes of 2.88 are asked of all hosts at once."""
    shown = [_shown(host, request, detail=True, servers=servers) for host in hosts]
    if request.at_least(2, 88):
        for one, text in zip(shown, await asyncio.gather(*(_uptime(service, host) for host in hosts)), strict=True):
            one["uptime"] = text
    return shown


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
    if detail:
        shown = await _detailed(service, hosts, request, servers=servers)
    else:
        shown = [_shown(host, request, detail=False, servers=servers) for host in hosts]
    return {"hypervisors": shown, **({"hypervisors_links": more} if more else {})}


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
    [shown] = await _detailed(service, [host], request, servers=_with_servers(request))
    return {"hypervisor": shown}


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


async def _uptime(service: Compute, host: Host) -> str | None:
    """As the host says it; None where it does not answer."""
    if not host.up:
        return None
    try:
        topic = compute_rpc.topic(host.node.host)
        return (await service.bus.call(topic, GetUptime(), Uptime, UPTIME_SECONDS)).uptime
    except ApiError as error:
        log.warning("the uptime of host %s is not known: %s", host.node.host, error.text)
        return None


async def uptime(request: Request, service: Compute) -> Body:
    """``GET /os-hypervisors/{id}/uptime`` (to 2.87)."""
    host = await _one(request, service)
    text = await _uptime(service, host)
    if text is None:
        raise Invalid(f"Compute service of {host.node.host} is unavailable at this time.")
    return {"hypervisor": _shown(host, request, detail=False, servers=False) | {"uptime": text}}


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
