"""Queries of the volume database."""

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select, update

from tinstack.core.db import Database, Transaction, prepared
from tinstack.volume import tables as t
from tinstack.volume.rows import Access, Attachment, Snapshot, Transfer, Type, Volume

Reader = Database | Transaction

_V, _S, _A, _T = t.volumes.c, t.snapshots.c, t.attachments.c, t.types.c

VOLUME = prepared(select(t.volumes).where(_V.id == bindparam("key")))
ADD_VOLUME = prepared(t.volumes.insert())
DELETE_VOLUME = prepared(t.volumes.delete().where(_V.id == bindparam("key")))
SWAP_VOLUME = prepared(
    update(t.volumes)
    .where(_V.id == bindparam("key"), _V.status == bindparam("old"))
    .values(status=bindparam("new"), previous_status=bindparam("old"), updated_at=bindparam("now"))
)
SNAPSHOT = prepared(select(t.snapshots).where(_S.id == bindparam("key")))
ADD_SNAPSHOT = prepared(t.snapshots.insert())
DELETE_SNAPSHOT = prepared(t.snapshots.delete().where(_S.id == bindparam("key")))
SWAP_SNAPSHOT = prepared(
    update(t.snapshots)
    .where(_S.id == bindparam("key"), _S.status == bindparam("old"))
    .values(status=bindparam("new"), progress=bindparam("part"), updated_at=bindparam("now"))
)
SNAPSHOTS_OF = prepared(select(t.snapshots).where(_S.volume_id == bindparam("key")))
ATTACHMENT = prepared(select(t.attachments).where(_A.id == bindparam("key")))
ADD_ATTACHMENT = prepared(t.attachments.insert())
DELETE_ATTACHMENT = prepared(t.attachments.delete().where(_A.id == bindparam("key")))
ATTACHMENTS_OF = prepared(select(t.attachments).where(_A.volume_id == bindparam("key")).order_by(_A.created_at))
ATTACHMENTS_OF_SERVER = prepared(select(t.attachments).where(_A.instance_id == bindparam("key")))
ATTACHMENTS = prepared(select(t.attachments))
BACKENDS = prepared(select(_V.id, _V.backend).where(_V.id.in_(select(_A.volume_id))))
TRANSFER = prepared(select(t.transfers).where(t.transfers.c.id == bindparam("key")))
ADD_TRANSFER = prepared(t.transfers.insert())
DELETE_TRANSFER = prepared(t.transfers.delete().where(t.transfers.c.id == bindparam("key")))
TYPE = prepared(select(t.types).where(_T.id == bindparam("key")))
TYPE_NAMED = prepared(select(t.types).where(_T.name == bindparam("key")))
TYPES = prepared(select(t.types).order_by(_T.created_at, _T.id))
ADD_TYPE = prepared(t.types.insert())
ACCESS_OF = prepared(select(t.type_access).where(t.type_access.c.volume_type_id == bindparam("key")))


class Wanted(msgspec.Struct, kw_only=True):
    """A list: ``project`` None shows all; conditions on columns; metadata that must be there; order; page."""

    project: str | None
    conditions: list[Any] = []
    metadata: dict[str, str] = {}
    order: list[tuple[str, bool]] = []
    after: Any = None
    limit: int = 1000
    offset: int = 0


def _after(table: Any, row: Any, order: list[tuple[str, bool]]) -> ColumnElement[bool]:
    """Rows that come behind ``row`` in that order."""
    steps: list[ColumnElement[bool]] = []
    equal: list[ColumnElement[bool]] = []
    for key, ascending in order:
        column, value = order_column(table, key), getattr(row, key)
        value = ("" if key in TEXTS else 0) if value is None else value
        steps.append(and_(*equal, column > value if ascending else column < value))
        equal.append(column == value)
    return or_(*steps)


TEXTS = {"name", "display_name", "description", "id", "status", "availability_zone", "volume_id", "backend"}


def order_column(table: Any, key: str) -> ColumnElement[Any]:
    """What a list sorts by, null counting as empty or 0."""
    found: ColumnElement[Any] = func.coalesce(table.c[key], "" if key in TEXTS else 0)
    return found


def query(table: Any, wanted: Wanted) -> "Select[Any]":
    """The statement of a list, whole where metadata are wanted (they are compared here)."""
    found = conditions(select(table), table, wanted)
    if wanted.after is not None:
        found = found.where(_after(table, wanted.after, wanted.order))
    found = found.order_by(
        *(order_column(table, k).asc() if up else order_column(table, k).desc() for k, up in wanted.order)
    )
    if wanted.metadata:
        return found
    return found.limit(wanted.limit).offset(wanted.offset)


def conditions(statement: "Select[Any]", table: Any, wanted: Wanted) -> "Select[Any]":
    """The statement confined to what is wanted."""
    found = statement.where(*wanted.conditions)
    return found if wanted.project is None else found.where(table.c.project_id == wanted.project)


def _matching(rows: list[Any], wanted: Wanted) -> list[Any]:
    if not wanted.metadata:
        return rows
    found = [row for row in rows if all(row.metadata.get(name) == value for name, value in wanted.metadata.items())]
    return found[wanted.offset : wanted.offset + wanted.limit]


async def volumes(db: Reader, wanted: Wanted) -> list[Volume]:
    """A page of volumes."""
    return _matching(await db.all(query(t.volumes, wanted), Volume), wanted)


async def snapshots(db: Reader, wanted: Wanted) -> list[Snapshot]:
    """A page of snapshots."""
    return _matching(await db.all(query(t.snapshots, wanted), Snapshot), wanted)


async def transfers(db: Reader, wanted: Wanted) -> list[Transfer]:
    """A page of transfers."""
    return await db.all(query(t.transfers, wanted), Transfer)


async def count(db: Reader, table: Any, wanted: Wanted) -> int:
    """How many there are without paging."""
    if wanted.metadata:
        kind = Volume if table is t.volumes else Snapshot
        rows: list[Any] = await db.all(conditions(select(table), table, wanted), kind)
        return sum(1 for row in rows if all(row.metadata.get(k) == v for k, v in wanted.metadata.items()))
    return int(await db.scalar(conditions(select(func.count()).select_from(table), table, wanted)))


async def attachments_of(db: Reader, ids: Collection[str]) -> dict[str, list[Attachment]]:
    """The attachments of several volumes."""
    found: dict[str, list[Attachment]] = {id: [] for id in ids}
    if ids:
        rows = select(t.attachments).where(_A.volume_id.in_(padded(ids))).order_by(_A.created_at)
        for row in await db.all(rows, Attachment):
            found[row.volume_id].append(row)
    return found


async def types(db: Reader) -> dict[str, Type]:
    """All types by id."""
    return {row.id: row for row in await db.all(TYPES, Type)}


async def access(db: Reader, id: str) -> list[str]:
    """Projects that may use a private type."""
    return [row.project_id for row in await db.all(ACCESS_OF, Access, key=id)]


def padded(keys: Iterable[str]) -> list[str]:
    """A list for IN whose length is a power of two, so that few texts of a statement exist."""
    found = sorted(set(keys)) or [""]
    size = 1 << (len(found) - 1).bit_length()
    return found + [found[-1]] * (size - len(found))
