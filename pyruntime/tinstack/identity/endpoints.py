"""The rules of regions, services and endpoints."""

from tinstack.core.db import Duplicate
from tinstack.core.errors import Conflict
from tinstack.identity import rows
from tinstack.identity.errors import ActionForbidden, Invalid, Missing
from tinstack.identity.identity import Identity
from tinstack.identity.store import Writer


class Taken(Conflict):
    """409: a region of that id is there."""

    code, message = "identity.taken", "There is a resource with the id {id} already."


async def create(identity: Identity, row: rows.Region | rows.CatalogService | rows.Endpoint) -> None:
    """A new region, service or endpoint. Raises Taken for a region's id, Invalid for what it names and is not there."""

    async def work(writer: Writer) -> None:
        await _references(writer, row)
        await writer.insert(row)

    try:
        await identity.store.write(work)
    except Duplicate as error:
        raise Taken(id=row.id) from error


async def replace(identity: Identity, row: rows.Region | rows.CatalogService | rows.Endpoint) -> None:
    """Write a changed one. Raises Missing, Invalid."""

    async def work(writer: Writer) -> None:
        await _references(writer, row)
        if not await writer.replace(row):
            raise Missing(kind=type(row).__name__.removeprefix("Catalog").lower(), id=row.id)

    await identity.store.write(work)


async def _references(writer: Writer, row: rows.Row) -> None:
    if isinstance(row, rows.Endpoint):
        if not await writer.there(rows.CatalogService, id=row.service_id):
            raise Invalid(f"There is no service {row.service_id}.")
        if row.region_id and not await writer.there(rows.Region, id=row.region_id):
            raise Invalid(f"There is no region {row.region_id}.")
    if isinstance(row, rows.Region) and row.parent_region_id:
        if row.parent_region_id == row.id:
            raise Invalid("A region can't be its own parent.")
        if not await writer.there(rows.Region, id=row.parent_region_id):
            raise Missing(kind="region", id=row.parent_region_id)


async def make_region(identity: Identity, region_id: str) -> None:
    """The region that an endpoint names by its old key ``region`` is made when it is missing."""

    async def work(writer: Writer) -> None:
        if not await writer.there(rows.Region, id=region_id):
            await writer.insert(rows.Region(id=region_id))

    await identity.store.write(work)


async def delete_region(identity: Identity, region_id: str) -> None:
    """A region with those below it. Raises ActionForbidden while one of them has endpoints."""
    snapshot = await identity.now()
    gone = [region_id]
    for one in gone:
        gone += [
            region.id
            for region in snapshot.regions.values()
            if region.parent_region_id == one and region.id not in gone
        ]

    async def work(writer: Writer) -> None:
        for one in gone:
            if await writer.there(rows.Endpoint, region_id=one):
                raise ActionForbidden(why=f"the region {one} has endpoints")
        await writer.delete(rows.Region, id=gone)

    await identity.store.write(work)


async def delete_service(identity: Identity, service_id: str) -> None:
    """A service with its endpoints and limits."""

    gone = [one.id for one in (await identity.now()).endpoints.values() if one.service_id == service_id]

    async def work(writer: Writer) -> None:
        await _forget_endpoints(writer, gone)
        for kind in (rows.PolicyAssociation, rows.Limit, rows.RegisteredLimit):
            await writer.delete(kind, service_id=service_id)
        await writer.delete(rows.Endpoint, service_id=service_id)
        await writer.delete(rows.CatalogService, id=service_id)

    await identity.store.write(work)


async def _forget_endpoints(writer: Writer, endpoint_ids: list[str]) -> None:
    """What is said of them: whose catalog they are in, which policy document is for them."""
    await writer.delete(rows.ProjectEndpoint, endpoint_id=endpoint_ids)
    await writer.delete(rows.PolicyAssociation, endpoint_id=endpoint_ids)


async def delete_endpoint(identity: Identity, endpoint_id: str) -> None:
    """An endpoint."""

    async def work(writer: Writer) -> None:
        await _forget_endpoints(writer, [endpoint_id])
        await writer.delete(rows.Endpoint, id=endpoint_id)

    await identity.store.write(work)
