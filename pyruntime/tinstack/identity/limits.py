"""The rules of registered limits and limits: every limit has a registered one for its service, region and resource."""

from typing import Any

import msgspec

from tinstack.core.db import Duplicate
from tinstack.core.errors import Conflict
from tinstack.identity import rows
from tinstack.identity.errors import ActionForbidden, Invalid, Missing
from tinstack.identity.identity import Identity
from tinstack.identity.store import Writer

KEY = ("service_id", "region_id", "resource_name")


class Registered(Conflict):
    """409: that resource has a registered limit."""

    code, message = "identity.limit.registered", "The resource has a registered limit already."


async def insert(writer: Writer, made: list[rows.Row]) -> None:
    """Within a transaction. Raises Invalid for what a limit refers to and is not there, Duplicate."""
    for row in made:
        await _check(writer, row)
        await writer.insert(row)


async def _check(writer: Writer, row: rows.Row) -> None:
    assert isinstance(row, rows.Limit | rows.RegisteredLimit)
    if not await writer.there(rows.CatalogService, id=row.service_id):
        raise Invalid(f"There is no service {row.service_id}.")
    if row.region_id and not await writer.there(rows.Region, id=row.region_id):
        raise Invalid(f"There is no region {row.region_id}.")
    if isinstance(row, rows.RegisteredLimit):
        return
    if row.project_id and not await writer.there(rows.Project, id=row.project_id, is_domain=0):
        raise Invalid(f"There is no project {row.project_id}.")
    if row.domain_id and not await writer.there(rows.Project, id=row.domain_id, is_domain=1):
        raise Invalid(f"There is no domain {row.domain_id}.")
    if not await writer.there(rows.RegisteredLimit, **_key(row)):
        raise Invalid(f"There is no registered limit of {row.resource_name} for that service and region.")


def _key(row: rows.Limit | rows.RegisteredLimit) -> dict[str, str]:
    return {name: getattr(row, name) for name in KEY}


async def change_registered(
    identity: Identity, before: rows.RegisteredLimit, given: dict[str, Any]
) -> rows.RegisteredLimit:
    """Raises ActionForbidden where limits refer to it and would not any more, Registered, Invalid, Missing."""
    wanted = {name: given[name] for name in (*KEY, "default_limit", "description") if name in given}
    if "region_id" in wanted:
        wanted["region_id"] = wanted["region_id"] or ""
    after = msgspec.structs.replace(before, **wanted)

    async def work(writer: Writer) -> None:
        if _key(after) != _key(before):
            await _refuse_used(writer, before)
        await _check(writer, after)
        if not await writer.replace(after):
            raise Missing(kind="registered limit", id=before.id)

    try:
        await identity.store.write(work)
    except Duplicate as error:
        raise Registered from error
    return after


async def _refuse_used(writer: Writer, row: rows.RegisteredLimit) -> None:
    if await writer.there(rows.Limit, **_key(row)):
        raise ActionForbidden(why="there are limits for the registered limit")


async def delete_registered(identity: Identity, row: rows.RegisteredLimit) -> None:
    """Raises ActionForbidden while limits refer to it."""

    async def work(writer: Writer) -> None:
        await _refuse_used(writer, row)
        await writer.delete(rows.RegisteredLimit, id=row.id)

    await identity.store.write(work)
