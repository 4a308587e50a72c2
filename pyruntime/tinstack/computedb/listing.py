"""Lists of servers: one statement per request, paged by key, compiled once per shape of question."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select

from tinstack.computedb.rows import Instance
from tinstack.computedb.tables import instances
from tinstack.core.db import Database, Prepared, prepared

BATCH = 500
"""Rows read at once where what is wanted can't be said in SQL."""

_WIDE = {"user_data", "image_properties"}
_NEVER = {"public_key", "admin_password", "ports", "scheduler_hints"}
_DETAIL = [name for name in Instance.__struct_fields__ if name not in _WIDE | _NEVER]
_ALL = [name for name in Instance.__struct_fields__ if name not in _NEVER]

DEFAULT_SORT = (("created_at", "desc"),)


class Wanted(msgspec.Struct, kw_only=True):
    """What is asked for. ``equal``: column → value; ``one_of``: column → values; ``known``: column → whether it has a value.

    ``alive``: True lists what lives, False what is deleted, None both. ``since``/``before``: bounds of ``updated_at``, µs.
    ``sort``: (column, asc or desc), to which the id is added. ``matches``: what SQL can't say. ``limit``: rows at the most.
    """

    equal: dict[str, Any] = {}
    one_of: dict[str, list[Any]] = {}
    known: dict[str, bool] = {}
    alive: bool | None = True
    since: int | None = None
    before: int | None = None
    sort: tuple[tuple[str, str], ...] = DEFAULT_SORT
    marker: str | None = None
    limit: int = 1000
    matches: Callable[[Instance], bool] | None = None


class Named(msgspec.Struct, kw_only=True):
    """As much as a short list shows."""

    id: str
    name: str


class MarkerNotFound(Exception):
    """The marker is no server that the caller can see."""


class _Shape(msgspec.Struct, frozen=True):
    columns: str
    equal: tuple[str, ...]
    one_of: tuple[tuple[str, int], ...]
    known: tuple[tuple[str, bool], ...]
    alive: bool | None
    since: bool
    before: bool
    sort: tuple[tuple[str, str], ...]
    after: bool


def _key(column: str) -> ColumnElement[Any]:
    """A column that sorts where it is null, too."""
    found = instances.c[column]
    if not found.nullable:
        return found
    return func.coalesce(found, "" if found.type.python_type is str else 0)


def _after(sort: tuple[tuple[str, str], ...]) -> ColumnElement[bool]:
    """Rows that come after the marker's, whose values are bound as ``after_<n>``."""
    branches = []
    for depth, (column, direction) in enumerate(sort):
        value: ColumnElement[Any] = bindparam(f"after_{depth}")
        beyond = _key(column) > value if direction == "asc" else _key(column) < value
        same = [_key(name) == bindparam(f"after_{at}") for at, (name, _) in enumerate(sort[:depth])]
        branches.append(and_(*same, beyond))
    return or_(*branches)


@lru_cache(maxsize=512)
def _statement(shape: _Shape) -> Prepared:
    names = {"brief": ["id", "name"], "detail": _DETAIL, "all": _ALL}[shape.columns]
    statement = select(*(instances.c[name] for name in names))
    conditions: list[ColumnElement[bool]] = [instances.c[name] == bindparam(f"is_{name}") for name in shape.equal]
    for name, size in shape.one_of:
        conditions.append(instances.c[name].in_([bindparam(f"in_{name}_{at}") for at in range(size)]))
    for name, known in shape.known:
        conditions.append(instances.c[name].is_not(None) if known else instances.c[name].is_(None))
    if shape.alive is not None:
        conditions.append(instances.c.deleted_at == 0 if shape.alive else instances.c.deleted_at > 0)
    if shape.since:
        conditions.append(instances.c.updated_at >= bindparam("since"))
    if shape.before:
        conditions.append(instances.c.updated_at <= bindparam("before"))
    if shape.after:
        conditions.append(_after(shape.sort))
    order = [_key(name).asc() if direction == "asc" else _key(name).desc() for name, direction in shape.sort]
    return prepared(statement.where(*conditions).order_by(*order).limit(bindparam("most")))


def _padded(values: list[Any]) -> list[Any]:
    """To a power of two, so that few statements are compiled."""
    size = 1
    while size < len(values):
        size *= 2
    return values + [values[-1]] * (size - len(values))


def _plan(wanted: Wanted, columns: str) -> tuple[_Shape, dict[str, Any]]:
    lists = {name: _padded(values) for name, values in wanted.one_of.items()}
    shape = _Shape(
        columns,
        tuple(wanted.equal),
        tuple((name, len(values)) for name, values in lists.items()),
        tuple(wanted.known.items()),
        wanted.alive,
        wanted.since is not None,
        wanted.before is not None,
        (*wanted.sort, ("id", wanted.sort[-1][1])),
        False,
    )
    bound: dict[str, Any] = {f"is_{name}": value for name, value in wanted.equal.items()}
    for name, values in lists.items():
        bound |= {f"in_{name}_{at}": value for at, value in enumerate(values)}
    if wanted.since is not None:
        bound["since"] = wanted.since
    if wanted.before is not None:
        bound["before"] = wanted.before
    return shape, bound


def _position(row: Instance, sort: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for at, (name, _) in enumerate(sort):
        value: Any = getattr(row, name)
        if value is None:
            value = "" if instances.c[name].type.python_type is str else 0
        found[f"after_{at}"] = int(value) if isinstance(value, bool) else value
    return found


_MARKER = prepared(select(*(instances.c[name] for name in _ALL)).where(instances.c.id == bindparam("key")))


async def _start(db: Database, wanted: Wanted, shape: _Shape, bound: dict[str, Any]) -> tuple[_Shape, dict[str, Any]]:
    """Begin after the marker. Raises MarkerNotFound."""
    if wanted.marker is None:
        return shape, bound
    row = await db.one(_MARKER, Instance, key=wanted.marker)
    project = wanted.equal.get("project_id")
    if row is None or project not in (None, row.project_id):
        raise MarkerNotFound
    return msgspec.structs.replace(shape, after=True), bound | _position(row, shape.sort)


_ONE = prepared(select(instances).where(instances.c.id == bindparam("key")))


async def get(db: Database, id: str) -> Instance | None:
    """By id, deleted ones too."""
    return await db.one(_ONE, Instance, key=id)


async def brief(db: Database, wanted: Wanted) -> list[Named]:
    """ids and names; where SQL can't say what is wanted, of whole rows. Raises MarkerNotFound."""
    if wanted.matches is not None:
        return [Named(id=row.id, name=row.name) for row in await detail(db, wanted)]
    shape, bound = await _start(db, wanted, *_plan(wanted, "brief"))
    return await db.all(_statement(shape), Named, **bound, most=wanted.limit) if wanted.limit else []


async def detail(db: Database, wanted: Wanted, *, wide: bool = False) -> list[Instance]:
    """Whole rows; ``wide``: with user data and image properties. Raises MarkerNotFound."""
    shape, bound = await _start(db, wanted, *_plan(wanted, "all" if wide else "detail"))
    if not wanted.limit:
        return []
    if wanted.matches is None:
        return await db.all(_statement(shape), Instance, **bound, most=wanted.limit)
    found: list[Instance] = []
    while True:
        rows = await db.all(_statement(shape), Instance, **bound, most=BATCH)
        found += [row for row in rows if wanted.matches(row)]
        if len(rows) < BATCH or len(found) >= wanted.limit:
            return found[: wanted.limit]
        shape = msgspec.structs.replace(shape, after=True)
        bound |= _position(rows[-1], shape.sort)
