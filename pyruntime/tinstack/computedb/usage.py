"""Servers over time, for usage reports: statements only."""

import msgspec
from sqlalchemy import and_, bindparam, or_, select

from tinstack.computedb.tables import instances
from tinstack.conductor.rpc import FlavorDetails
from tinstack.core.db import Database, prepared


class Lifetime(msgspec.Struct, kw_only=True):
    """When a server ran and what it took. Microseconds; ``deleted_at`` 0: it lives."""

    id: str
    name: str
    project_id: str
    flavor: FlavorDetails
    vm_state: str
    launched_at: int | None
    terminated_at: int | None
    deleted_at: int


_COLUMNS = [instances.c[name] for name in Lifetime.__struct_fields__]
_WITHIN = and_(
    instances.c.launched_at.is_not(None),
    instances.c.launched_at < bindparam("end"),
    or_(instances.c.deleted_at == 0, instances.c.deleted_at > bindparam("begin")),
)
_ALL = prepared(select(*_COLUMNS).where(_WITHIN).order_by(instances.c.project_id, instances.c.number))
_ONE = prepared(
    select(*_COLUMNS).where(_WITHIN, instances.c.project_id == bindparam("project")).order_by(instances.c.number)
)


async def within(db: Database, begin: int, end: int, project_id: str | None) -> list[Lifetime]:
    """Servers that ran at some time between the two; of one project or of all."""
    if project_id is None:
        return await db.all(_ALL, Lifetime, begin=begin, end=end)
    return await db.all(_ONE, Lifetime, begin=begin, end=end, project=project_id)
