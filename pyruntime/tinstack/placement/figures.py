"""What placement tells Prometheus: how much of each host is sold."""

import msgspec
from sqlalchemy import func, select

from tinstack.core.db import Database, prepared
from tinstack.core.metrics.families import CAPACITY
from tinstack.placement.tables import allocations, inventories, providers

_A, _I, _P = allocations.c, inventories.c, providers.c

_USED = (
    select(_A.provider, _A.resource_class, func.sum(_A.used).label("used"))
    .group_by(_A.provider, _A.resource_class)
    .subquery()
)
_ALL = prepared(
    select(
        _P.name,
        _I.resource_class,
        ((_I.total - _I.reserved) * _I.allocation_ratio).label("capacity"),
        func.coalesce(_USED.c.used, 0).label("used"),
    )
    .join(providers, _P.uuid == _I.provider)
    .outerjoin(_USED, (_USED.c.provider == _I.provider) & (_USED.c.resource_class == _I.resource_class))
)


class _Sold(msgspec.Struct):
    """``used``: some drivers give a sum as a decimal."""

    name: str
    resource_class: str
    capacity: float
    used: float


async def capacity(database: Database) -> None:
    """Of every provider, over-commit included."""
    rows = await database.all(_ALL, _Sold)
    CAPACITY.clear()
    for row in rows:
        CAPACITY.set(float(row.used), row.name, row.resource_class, "sold")
        CAPACITY.set(float(row.capacity), row.name, row.resource_class, "total")
