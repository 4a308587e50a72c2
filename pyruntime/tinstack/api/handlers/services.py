"""Services and availability zones. Source: compute API reference, "Compute services", "Availability zones"."""

from tinstack.api.errors import Invalid
from tinstack.api.hosts import Fleet, fleet_of
from tinstack.api.parts import Compute
from tinstack.api.schemas.words import truth
from tinstack.api.views import Body
from tinstack.api.views.hosts import service as view
from tinstack.computedb import fleet as store
from tinstack.computedb.fleet import COMPUTE, Service
from tinstack.core.clock import iso_us, now_us
from tinstack.core.errors import Conflict, NotFound
from tinstack.core.http import Request


class ServiceNotFound(NotFound):
    """404: no service of that id, or of that name on that host."""

    code, message = "compute.service.not_found", "Service {id} could not be found."


async def index(request: Request, service: Compute) -> Body:
    """``GET /os-services``."""
    known = await fleet_of(service)
    host, binary = request.query.get("host"), request.query.get("binary")
    rows = [row for row in known.services if host in (None, row.host) and binary in (None, row.binary)]
    return {"services": [view(row, request, known.zone(row), known.is_up(row)) for row in rows]}


async def _named(request: Request, service: Compute) -> Service:
    host, binary = request.body["host"], request.body["binary"]
    for row in await store.all_services(service.db):
        if row.host == host and row.binary == binary:
            return row
    raise NotFound(f"Host '{host}' is not mapped to any cell: it has no service '{binary}'.")


async def enable(request: Request, service: Compute) -> Body:
    """``PUT /os-services/enable`` (to 2.52)."""
    row = await _named(request, service)
    row.disabled, row.disabled_reason = False, None
    return await _switched(service, row, {"status": "enabled"})


async def disable(request: Request, service: Compute) -> Body:
    """``PUT /os-services/disable`` (to 2.52)."""
    row = await _named(request, service)
    row.disabled, row.disabled_reason = True, None
    return await _switched(service, row, {"status": "disabled"})


async def disable_with_reason(request: Request, service: Compute) -> Body:
    """``PUT /os-services/disable-log-reason`` (to 2.52)."""
    row = await _named(request, service)
    row.disabled, row.disabled_reason = True, request.body["disabled_reason"]
    return await _switched(service, row, {"status": "disabled", "disabled_reason": row.disabled_reason})


async def force_down(request: Request, service: Compute) -> Body:
    """``PUT /os-services/force-down`` (2.11 to 2.52)."""
    row = await _named(request, service)
    row.forced_down = truth(request.body["forced_down"])
    return await _switched(service, row, {"forced_down": row.forced_down})


async def _switched(service: Compute, row: Service, shown: Body) -> Body:
    await store.switch(service.db, row, now_us())
    return {"service": {"host": row.host, "binary": row.binary, **shown}}


async def _by_id(request: Request, known: Fleet) -> Service:
    id = request.path["service_id"]
    for row in known.services:
        if id == (row.id if request.at_least(2, 53) else str(row.number)):
            return row
    raise ServiceNotFound(id=id)


async def update(request: Request, service: Compute) -> Body:
    """``PUT /os-services/{id}`` (from 2.53)."""
    known = await fleet_of(service)
    row, wanted = await _by_id(request, known), request.body
    if row.binary != COMPUTE:
        raise Invalid(f"Updating a {row.binary} service is not supported. Only {COMPUTE} services can be updated.")
    if not wanted:
        raise Invalid("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
    if "disabled_reason" in wanted and wanted.get("status") != "disabled":
        raise Invalid("Specifying disabled_reason requires that status is 'disabled'.")
    if "status" in wanted:
        row.disabled = wanted["status"] == "disabled"
        row.disabled_reason = wanted.get("disabled_reason") if row.disabled else None
    if "forced_down" in wanted:
        row.forced_down = truth(wanted["forced_down"])
    await store.switch(service.db, row, now_us())
    return {"service": view(row, request, known.zone(row), known.is_up(row))}


async def delete(request: Request, service: Compute) -> None:
    """``DELETE /os-services/{id}``."""
    row = await _by_id(request, await fleet_of(service))
    if row.binary == COMPUTE and any(server.host == row.host for server in await store.placed(service.db)):
        raise Conflict(f"Unable to delete compute service that is hosting instances. Host: {row.host}")
    await store.remove(service.db, row)


def zones(known: Fleet) -> dict[str, bool]:
    """Zone of hosts → whether a host of it is enabled and up."""
    found: dict[str, bool] = {}
    for row in known.computes():
        zone = known.zone(row)
        found[zone] = found.get(zone, False) or (known.is_up(row) and not row.disabled)
    return found


async def zone_index(request: Request, service: Compute) -> Body:
    """``GET /os-availability-zone``."""
    known = await fleet_of(service)
    return {
        "availabilityZoneInfo": [
            {"zoneName": zone, "zoneState": {"available": available}, "hosts": None}
            for zone, available in sorted(zones(known).items())
        ]
    }


async def zone_detail(request: Request, service: Compute) -> Body:
    """``GET /os-availability-zone/detail``: the hosts and services too, with the internal zone."""
    known = await fleet_of(service)
    hosts: dict[str, dict[str, dict[str, Body]]] = {}
    for row in known.services:
        hosts.setdefault(known.zone(row), {}).setdefault(row.host, {})[row.binary] = {
            "available": known.is_up(row),
            "active": not row.disabled,
            "updated_at": iso_us(row.seen_at),
        }
    available = zones(known) | {known.internal_zone: True}
    return {
        "availabilityZoneInfo": [
            {"zoneName": zone, "zoneState": {"available": available.get(zone, False)}, "hosts": hosts[zone]}
            for zone in sorted(hosts)
        ]
    }
