"""The rows of servers: read, listed by keyset, locked for a change and written. Statements only."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    case,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from tinstack.computedb.rows import Instance
from tinstack.computedb.tables import instances, operations
from tinstack.core.clock import now_us
from tinstack.core.db import Database, Prepared, Transaction, prepared, to_json, values
from tinstack.core.errors import NotFound

CHUNK = 1000
MOST_IN_ONE = 1024

_COLUMNS = [instances.c[name] for name in Instance.__struct_fields__]
_ONE = prepared(select(*_COLUMNS).where(instances.c.id == bindparam("key")))
_LOCKED = prepared(
    select(*_COLUMNS).where(instances.c.id == bindparam("key"), instances.c.deleted_at == 0).with_for_update()
)
_LOCKED_OF = prepared(
    select(*_COLUMNS)
    .where(
        instances.c.id == select(operations.c.subject).where(operations.c.id == bindparam("key")).scalar_subquery(),
        instances.c.deleted_at == 0,
    )
    .with_for_update()
)
_INSERT = prepared(
    insert(instances).values({name: bindparam(name) for name in Instance.__struct_fields__ if name != "number"})
)
_ON_HOST = prepared(
    select(*_COLUMNS)
    .where(instances.c.host == bindparam("host"), instances.c.deleted_at == 0)
    .order_by(instances.c.number)
)
_PLACES = prepared(
    select(instances.c.id, instances.c.host, instances.c.vm_state, instances.c.task_state).where(
        instances.c.deleted_at == 0
    )
)
_PER_HOST = prepared(
    select(instances.c.host, func.count().label("servers"))
    .where(instances.c.deleted_at == 0, instances.c.host.is_not(None))
    .group_by(instances.c.host)
)
_GROUP_PER_HOST = prepared(
    select(instances.c.host, func.count().label("servers"))
    .where(
        instances.c.server_group == bindparam("key"),
        instances.c.deleted_at == 0,
        instances.c.host.is_not(None),
        instances.c.id != bindparam("but"),
    )
    .group_by(instances.c.host)
)
_OF_PORT = prepared(
    select(*_COLUMNS).where(instances.c.deleted_at == 0, instances.c.ports.like(bindparam("pattern"))).limit(1)
)

NULLABLE_TEXT = {"host", "node", "task_state", "description", "image_id", "key_name", "access_ip_v4", "access_ip_v6"}
NULLABLE_TEXT |= {"availability_zone", "locked_by", "root_device", "server_group", "pinned_zone"}
NULLABLE_NUMBER = {"launched_at", "terminated_at"}


class ServerNotFound(NotFound):
    """404."""

    code, message = "compute.server.not_found", "Instance {id} could not be found."


class HostCount(msgspec.Struct, frozen=True):
    """How many servers a host has."""

    host: str
    servers: int


class Place(msgspec.Struct, frozen=True):
    """Where a server is, and whether something is done to it."""

    id: str
    host: str | None
    vm_state: str
    task_state: str | None


class Listing(msgspec.Struct, kw_only=True):
    """What a list of servers asks for.

    ``exact``: column → value (None: has none); ``among``: column → allowed values (empty: nothing fits);
    ``since``/``before``: bounds of ``updated_at``, inclusive; ``deleted``: False alive ones, True deleted ones, None both;
    ``sort``: (column, ascending) pairs, ended by ``created_at`` and ``id`` where they are not named; ``after``: the last
    server of the page before; ``accept``: what SQL can't say (regular expressions, tags).
    """

    project_id: str | None = None
    exact: Mapping[str, Any] = {}
    among: Mapping[str, Collection[Any]] = {}
    since: int | None = None
    before: int | None = None
    deleted: bool | None = False
    sort: tuple[tuple[str, bool], ...] = (("created_at", False), ("id", False))
    after: Instance | None = None
    limit: int | None = None
    accept: Callable[[Instance], bool] | None = None


async def get(db: Database | Transaction, id: str, *, deleted: bool = False) -> Instance | None:
    """By id; with ``deleted`` also one that is gone."""
    found = await db.one(_ONE, Instance, key=id)
    return found if found and (deleted or not found.deleted_at) else None


async def find(db: Database | Transaction, id: str, *, deleted: bool = False) -> Instance:
    """By id. Raises ServerNotFound."""
    found = await get(db, id, deleted=deleted)
    if found is None:
        raise ServerNotFound(id=id)
    return found


async def locked(tx: Transaction, id: str) -> Instance:
    """The row, which nobody else can change until this transaction ends. Raises ServerNotFound."""
    found = await tx.one(_LOCKED, Instance, key=id)
    if found is None:
        raise ServerNotFound(id=id)
    return found


async def locked_of(tx: Transaction, operation_id: str) -> Instance | None:
    """The same of the server that an operation is of."""
    return await tx.one(_LOCKED_OF, Instance, key=operation_id)


async def add(tx: Transaction, server: Instance) -> None:
    """A new row; raises Duplicate for an id that is taken."""
    row = values(server)
    del row["number"]
    await tx.run(_INSERT, **row)


async def write(tx: Transaction, id: str, **changes: Any) -> None:
    """Set columns of a row that this transaction has ``locked``. ``updated_at`` follows by itself."""
    changes.setdefault("updated_at", now_us())
    names = tuple(sorted(changes))
    await tx.run(_writer(names), key=id, **{f"new_{name}": _encoded(changes[name]) for name in names})


async def on_host(db: Database | Transaction, host: str) -> list[Instance]:
    """Every server that a host has."""
    return await db.all(_ON_HOST, Instance, host=host)


async def hosts_of(db: Database | Transaction, ids: Collection[str]) -> dict[str, str | None]:
    """Server → the host that it is on, for those of ``ids`` that there are or were."""
    found: dict[str, str | None] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), MOST_IN_ONE):
        some = wanted[start : start + MOST_IN_ONE]
        size = _padded(len(some))
        found |= {row.id: row.host for row in await db.all(_hosts_of(size), _Place, **_spread("id", some, size))}
    return found


@lru_cache(maxsize=16)
def _hosts_of(size: int) -> Prepared:
    among = instances.c.id.in_([bindparam(f"a_id_{n}") for n in range(size)])
    return prepared(select(instances.c.id, instances.c.host).where(among))


class _Place(msgspec.Struct, frozen=True):
    id: str
    host: str | None


async def places(db: Database | Transaction) -> list[Place]:
    """Of all servers."""
    return await db.all(_PLACES, Place)


async def counts_per_host(db: Database | Transaction) -> dict[str, int]:
    """Host → number of servers."""
    return {row.host: row.servers for row in await db.all(_PER_HOST, HostCount)}


async def group_per_host(db: Database | Transaction, group: str, *, but: str = "") -> dict[str, int]:
    """Host → members of a server group there; ``but``: a server that does not count."""
    return {row.host: row.servers for row in await db.all(_GROUP_PER_HOST, HostCount, key=group, but=but)}


async def of_port(db: Database | Transaction, port_id: str) -> Instance | None:
    """The server that has that port."""
    return await db.one(_OF_PORT, Instance, pattern=f'%"{port_id}"%')


async def page(db: Database, listing: Listing) -> list[Instance]:
    """The servers in order, at most ``limit``."""
    if any(not allowed for allowed in listing.among.values()):
        return []
    if any(len(allowed) > MOST_IN_ONE for allowed in listing.among.values()):
        listing = _without_long(listing)
    found: list[Instance] = []
    after, most = listing.after, listing.limit
    while True:
        chunk = CHUNK if most is None or listing.accept else min(CHUNK, most - len(found))
        rows = await _rows(db, listing, after, chunk)
        found += filter(listing.accept, rows) if listing.accept else rows
        if len(rows) < chunk or (most is not None and len(found) >= most):
            return found if most is None else found[:most]
        after = rows[-1]


async def _rows(db: Database, listing: Listing, after: Instance | None, most: int) -> list[Instance]:
    exact = dict(listing.exact)
    if listing.project_id is not None:
        exact["project_id"] = listing.project_id
    sort = _full_order(listing.sort)
    shape = _Shape(
        exact=tuple(sorted(name for name, value in exact.items() if value is not None)),
        absent=tuple(sorted(name for name, value in exact.items() if value is None)),
        among=tuple(sorted((name, _padded(len(allowed))) for name, allowed in listing.among.items())),
        since=listing.since is not None,
        before=listing.before is not None,
        deleted=listing.deleted,
        sort=sort,
        after=after is not None,
    )
    given: dict[str, Any] = {f"e_{name}": _encoded(exact[name]) for name in shape.exact}
    for name, size in shape.among:
        given |= _spread(name, listing.among[name], size)
    if listing.since is not None:
        given["since"] = listing.since
    if listing.before is not None:
        given["before"] = listing.before
    if after is not None:
        given |= {f"m_{name}": _sortable(name, getattr(after, name)) for name, _ in sort}
    return await db.all(_page_statement(shape), Instance, most=most, **given)


class _Shape(msgspec.Struct, frozen=True, kw_only=True):
    """All of a list but its values: what decides its statement."""

    exact: tuple[str, ...]
    absent: tuple[str, ...]
    among: tuple[tuple[str, int], ...]
    since: bool
    before: bool
    deleted: bool | None
    sort: tuple[tuple[str, bool], ...]
    after: bool


@lru_cache(maxsize=512)
def _page_statement(shape: _Shape) -> Prepared:
    c = instances.c
    conditions: list[ColumnElement[bool]] = [c[name] == bindparam(f"e_{name}") for name in shape.exact]
    conditions += [c[name].is_(None) for name in shape.absent]
    conditions += [c[name].in_([bindparam(f"a_{name}_{n}") for n in range(size)]) for name, size in shape.among]
    if shape.since:
        conditions.append(c.updated_at >= bindparam("since"))
    if shape.before:
        conditions.append(c.updated_at <= bindparam("before"))
    if shape.deleted is not None:
        conditions.append(c.deleted_at > 0 if shape.deleted else c.deleted_at == 0)
    if shape.after:
        conditions.append(_behind(shape.sort))
    order = [_column(name).asc() if ascending else _column(name).desc() for name, ascending in shape.sort]
    return prepared(select(*_COLUMNS).where(*conditions).order_by(*order).limit(bindparam("most")))


def _behind(sort: Iterable[tuple[str, bool]]) -> ColumnElement[bool]:
    """Rows that come after the marker in that order."""
    alternatives: list[ColumnElement[bool]] = []
    before: list[ColumnElement[bool]] = []
    for name, ascending in sort:
        column, mark = _column(name), _parameter(f"m_{name}")
        alternatives.append(and_(*before, column > mark if ascending else column < mark))
        before.append(column == mark)
    return or_(false(), *alternatives)


def _column(name: str) -> ColumnElement[Any]:
    """A column that can be compared: one that may be empty counts as the smallest value."""
    column: ColumnElement[Any] = instances.c[name]
    if name in NULLABLE_TEXT:
        return case((column.is_(None), literal_column("''")), else_=column)
    if name in NULLABLE_NUMBER:
        return case((column.is_(None), literal_column("0")), else_=column)
    return column


def _sortable(name: str, value: Any) -> Any:
    if value is None:
        return "" if name in NULLABLE_TEXT else 0
    return _encoded(value)


def _full_order(sort: tuple[tuple[str, bool], ...]) -> tuple[tuple[str, bool], ...]:
    named = {name for name, _ in sort}
    last = sort[-1][1] if sort else False
    return sort + tuple((name, last) for name in ("created_at", "id") if name not in named)


def _padded(size: int) -> int:
    """The next power of two, so that few statements serve all lengths."""
    return 1 << (size - 1).bit_length()


def _spread(name: str, allowed: Collection[Any], size: int) -> dict[str, Any]:
    wanted = [_encoded(value) for value in allowed]
    wanted += [wanted[-1]] * (size - len(wanted))
    return {f"a_{name}_{place}": value for place, value in enumerate(wanted)}


def _without_long(listing: Listing) -> Listing:
    """Lists too long for a statement are looked through here."""
    long = {name: set(allowed) for name, allowed in listing.among.items() if len(allowed) > MOST_IN_ONE}
    before = listing.accept

    def accept(row: Instance) -> bool:
        fits = all(getattr(row, name) in allowed for name, allowed in long.items())
        return fits and (before is None or before(row))

    short = {name: allowed for name, allowed in listing.among.items() if name not in long}
    return msgspec.structs.replace(listing, among=short, accept=accept)


@lru_cache(maxsize=256)
def _writer(names: tuple[str, ...]) -> Prepared:
    changes = {name: _parameter(f"new_{name}") for name in names}
    return prepared(update(instances).where(instances.c.id == bindparam("key")).values(changes))


def _encoded(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | str | bytes | float | None):
        return value
    return to_json(value)


def _parameter(name: str) -> ColumnElement[Any]:
    return bindparam(name)
