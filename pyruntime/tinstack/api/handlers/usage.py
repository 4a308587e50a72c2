"""Usage reports. Source: compute API reference, "Usage reports" (os-simple-tenant-usage)."""

from itertools import groupby

from tinstack.api.errors import Invalid
from tinstack.api.parts import Compute
from tinstack.api.views import API, Body
from tinstack.api.views.servers import status_of
from tinstack.computedb import usage as store
from tinstack.computedb.usage import Lifetime
from tinstack.core.clock import SECOND, iso_us, now_us, parse_iso
from tinstack.core.http import Page, Request, page_of
from tinstack.core.http.paging import next_link

HOUR = 3600 * SECOND
PERIOD = 28 * 24 * HOUR


def _period(request: Request) -> tuple[int, int]:
    now = now_us()
    try:
        end = min(parse_iso(request.query.get("end") or iso_us(now)), now)
        begin = parse_iso(request.query.get("start") or iso_us(end - PERIOD))
    except ValueError as error:
        raise Invalid("Invalid start time or end time: they are written as 2026-01-31T10:00:00.") from error
    if begin >= end:
        raise Invalid("Invalid start time. The start time cannot occur after the end time.")
    return begin, end


def _server(row: Lifetime, begin: int, end: int) -> Body:
    assert row.launched_at is not None
    ended = row.terminated_at or row.deleted_at or None
    ran = max(0, min(ended or end, end) - max(row.launched_at, begin))
    flavor = row.flavor
    return {
        "instance_id": row.id,
        "name": row.name,
        "tenant_id": row.project_id,
        "hours": ran / HOUR,
        "memory_mb": flavor.ram_mib,
        "vcpus": flavor.vcpus,
        "local_gb": flavor.root_gib + flavor.ephemeral_gib,
        "flavor": flavor.name,
        "started_at": iso_us(row.launched_at),
        "ended_at": iso_us(ended) if ended else None,
        "state": "terminated" if ended else status_of(row.vm_state, None).lower(),
        "uptime": ((ended or now_us()) - row.launched_at) // SECOND,
    }


def _project(project_id: str, servers: list[Body], begin: int, end: int, detailed: bool) -> Body:
    shown: Body = {
        "tenant_id": project_id,
        "start": iso_us(begin),
        "stop": iso_us(end),
        "total_hours": sum(one["hours"] for one in servers),
        "total_memory_mb_usage": sum(one["hours"] * one["memory_mb"] for one in servers),
        "total_vcpus_usage": sum(one["hours"] * one["vcpus"] for one in servers),
        "total_local_gb_usage": sum(one["hours"] * one["local_gb"] for one in servers),
    }
    if detailed:
        shown["server_usages"] = servers
    return shown


def _cut(request: Request, rows: list[Lifetime]) -> tuple[Page | None, list[Lifetime]]:
    if not request.at_least(2, 40):
        return None, rows
    page = page_of(request)
    if page.marker is not None:
        ids = [row.id for row in rows]
        if page.marker not in ids:
            raise Invalid(f"marker [{page.marker}] not found")
        rows = rows[ids.index(page.marker) + 1 :]
    return page, rows[: page.limit]


async def index(request: Request, service: Compute) -> Body:
    """``GET /os-simple-tenant-usage``: every project."""
    begin, end = _period(request)
    page, rows = _cut(request, await store.within(service.db, begin, end, None))
    detailed = request.query.get("detailed") == "1"
    shown = [
        _project(project, [_server(row, begin, end) for row in servers], begin, end, detailed)
        for project, servers in groupby(rows, key=lambda row: row.project_id)
    ]
    body: Body = {"tenant_usages": shown}
    more = next_link(request, f"{API}/os-simple-tenant-usage", rows, page, lambda row: str(row.id)) if page else None
    return body | ({"tenant_usages_links": more} if more else {})


async def show(request: Request, service: Compute) -> Body:
    """``GET /os-simple-tenant-usage/{project}``: empty where the project ran nothing."""
    project = request.path["project_id"]
    request.authorize("os_compute_api:os-simple-tenant-usage:show", {"project_id": project})
    begin, end = _period(request)
    page, rows = _cut(request, await store.within(service.db, begin, end, project))
    servers = [_server(row, begin, end) for row in rows]
    body: Body = {"tenant_usage": _project(project, servers, begin, end, True) if servers else {}}
    path = f"{API}/os-simple-tenant-usage/{project}"
    more = next_link(request, path, rows, page, lambda row: str(row.id)) if page else None
    return body | ({"tenant_usage_links": more} if more else {})
