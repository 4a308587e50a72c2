"""Host aggregates. Source: compute API reference, "Host aggregates"."""

from uuid import uuid4

from tinstack.api.errors import Invalid
from tinstack.api.hosts import fleet_of
from tinstack.api.parts import Compute
from tinstack.api.views import Body
from tinstack.api.views.hosts import aggregate as view
from tinstack.computedb import aggregates as store
from tinstack.computedb.aggregates import ZONE, Aggregate
from tinstack.core.clock import now_us
from tinstack.core.errors import Conflict, NotFound
from tinstack.core.http import Request


class AggregateNotFound(NotFound):
    """404: no such aggregate."""

    code, message = "compute.aggregate.not_found", "Aggregate {id} could not be found."


class AggregateExists(Conflict):
    """409: the name is taken."""

    code, message = "compute.aggregate.exists", "Aggregate {name} already exists."


async def _named(request: Request, service: Compute) -> Aggregate:
    id = request.path["id"]
    if not id.isdecimal() or len(id) > 9:
        raise Invalid(f"Invalid aggregate id '{id}': it is a number.")
    found = await store.get(service.db, int(id))
    if found is None:
        raise AggregateNotFound(id=id)
    return found


async def index(request: Request, service: Compute) -> Body:
    """``GET /os-aggregates``."""
    return {"aggregates": [view(row, request)["aggregate"] for row in await store.everything(service.db)]}


async def create(request: Request, service: Compute) -> Body:
    """``POST /os-aggregates``."""
    wanted = request.body["aggregate"]
    zone = wanted.get("availability_zone")
    made = await store.create(service.db, str(uuid4()), wanted["name"], {ZONE: zone} if zone else {}, now_us())
    if made is None:
        raise AggregateExists(name=wanted["name"])
    return view(made, request, created=True)


async def show(request: Request, service: Compute) -> Body:
    """``GET /os-aggregates/{id}``."""
    return view(await _named(request, service), request)


async def update(request: Request, service: Compute) -> Body:
    """``PUT /os-aggregates/{id}``."""
    row, wanted = await _named(request, service), request.body["aggregate"]
    row.name = wanted.get("name", row.name)
    if "availability_zone" in wanted:
        await _rezone(service, row, wanted["availability_zone"])
    return await _written(request, service, row)


async def _rezone(service: Compute, row: Aggregate, zone: str | None) -> None:
    if zone == row.zone:
        return
    for host in row.hosts:
        await _check_zone(service, row, host, zone)
        if await store.has_servers(service.db, host):
            raise Conflict(
                f"Cannot update aggregate {row.id}. Reason: One or more hosts contain instances in this zone."
            )
    row.metadata = {name: value for name, value in row.metadata.items() if name != ZONE} | (
        {ZONE: zone} if zone else {}
    )


async def _check_zone(service: Compute, row: Aggregate, host: str, zone: str | None) -> None:
    """A host is in one zone only."""
    for other in await store.everything(service.db):
        if zone and other.id != row.id and host in other.hosts and other.zone not in (None, zone):
            raise Conflict(
                f"Cannot perform the action on aggregate {row.id}. "
                f"Reason: Host {host} already in availability zone {other.zone}."
            )


async def _written(request: Request, service: Compute, row: Aggregate) -> Body:
    if not await store.change(service.db, row, now_us()):
        raise AggregateExists(name=row.name)
    return view(row, request)


async def delete(request: Request, service: Compute) -> None:
    """``DELETE /os-aggregates/{id}``."""
    row = await _named(request, service)
    if row.hosts:
        raise Invalid(f"Cannot remove host from aggregate {row.id}. Reason: Host aggregate is not empty.")
    await store.remove(service.db, row.id)


async def add_host(request: Request, service: Compute) -> Body:
    """``add_host``."""
    row, host = await _named(request, service), request.body["add_host"]["host"]
    if host not in {one.host for one in (await fleet_of(service)).computes()}:
        raise NotFound(f"Compute host {host} could not be found.")
    if host in row.hosts:
        raise Conflict(f"Host {host} already member of another aggregate.")
    await _check_zone(service, row, host, row.zone)
    row.hosts = [*row.hosts, host]
    return await _written(request, service, row)


async def remove_host(request: Request, service: Compute) -> Body:
    """``remove_host``."""
    row, host = await _named(request, service), request.body["remove_host"]["host"]
    if host not in row.hosts:
        raise NotFound(f"Aggregate {row.id} has no host {host}.")
    row.hosts = [one for one in row.hosts if one != host]
    return await _written(request, service, row)


async def set_metadata(request: Request, service: Compute) -> Body:
    """``set_metadata``: null removes a key."""
    row, given = await _named(request, service), request.body["set_metadata"]["metadata"]
    if ZONE in given:
        await _rezone(service, row, given[ZONE])
    merged = {**row.metadata, **{name: value for name, value in given.items() if name != ZONE}}
    row.metadata = {name: value for name, value in merged.items() if value is not None}
    return await _written(request, service, row)
