"""Queries of the image database."""

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, func, or_, select, update

from tinstack.core.db import Database, Prepared, Statement, Transaction, prepared, values
from tinstack.image import tables as t
from tinstack.image.rows import (
    ACCEPTED,
    COMMUNITY,
    IMPORTING,
    PUBLIC,
    SAVING,
    SHARED,
    UPLOADING,
    Image,
    Listed,
    Member,
    Tag,
)

Reader = Database | Transaction

_I, _T, _M = t.images.c, t.tags.c, t.members.c

IMAGE = prepared(select(t.images).where(_I.id == bindparam("key")))
ADD_IMAGE = prepared(t.images.insert())
DELETE_IMAGE = prepared(t.images.delete().where(_I.id == bindparam("key")))
TAGS_OF = prepared(select(t.tags).where(_T.image_id == bindparam("key")).order_by(_T.tag))
ADD_TAG = prepared(t.tags.insert())
MEMBERS_OF = prepared(select(t.members).where(_M.image_id == bindparam("key")).order_by(_M.created_at, _M.member_id))
MEMBER = prepared(select(t.members).where(_M.image_id == bindparam("key"), _M.member_id == bindparam("project")))
ADD_MEMBER = prepared(t.members.insert())
STATUS = prepared(
    update(t.images)
    .where(_I.id == bindparam("key"), _I.status == bindparam("old"))
    .values(status=bindparam("new"), upload_until=bindparam("until"), updated_at=bindparam("now"))
)
STORED = prepared(
    update(t.images)
    .where(_I.id == bindparam("key"), _I.status == bindparam("old"))
    .values(
        status=bindparam("new"),
        size=bindparam("bytes"),
        virtual_size=bindparam("virtual"),
        checksum=bindparam("md5"),
        os_hash_algo="sha512",
        os_hash_value=bindparam("sha512"),
        stores=bindparam("names"),
        upload_until=0,
        updated_at=bindparam("now"),
    )
)
RENEW = prepared(
    update(t.images)
    .where(_I.id == bindparam("key"), _I.status == bindparam("old"))
    .values(upload_until=bindparam("until"))
)
OVERDUE = prepared(
    select(t.images).where(
        or_(_I.status == SAVING, _I.status == UPLOADING, _I.status == IMPORTING), _I.upload_until < bindparam("now")
    )
)

SORTABLE = {
    "name": func.coalesce(_I.name, ""),
    "status": _I.status,
    "container_format": func.coalesce(_I.container_format, ""),
    "disk_format": func.coalesce(_I.disk_format, ""),
    "size": func.coalesce(_I.size, 0),
    "id": _I.id,
    "created_at": _I.created_at,
    "updated_at": _I.updated_at,
}
"""Keys by which lists sort, with what stands for null."""


class Wanted(msgspec.Struct, kw_only=True):
    """A list: whose eyes (``project`` None: sees all), conditions on columns, tags, custom properties, order, page."""

    project: str | None
    visibility: str | None = None
    member_status: str = ACCEPTED
    conditions: list[Any] = []
    tags: list[str] = []
    properties: dict[str, str] = {}
    order: list[tuple[str, bool]] = []
    after: Image | None = None
    limit: int = 25


def _seen(wanted: Wanted) -> ColumnElement[bool] | None:
    if wanted.visibility == "all" and wanted.project is None:
        return None
    if wanted.project is None:
        return _I.visibility == wanted.visibility if wanted.visibility else None
    viewer: ColumnElement[Any] = bindparam("viewer", wanted.project)
    mine = _I.owner == viewer
    memberships = select(_M.image_id).where(_M.member_id == viewer)
    if wanted.member_status != "all":
        memberships = memberships.where(_M.status == wanted.member_status)
    to_me = and_(_I.visibility == SHARED, _I.id.in_(memberships))
    if wanted.visibility in (PUBLIC, COMMUNITY):
        return _I.visibility == wanted.visibility
    if wanted.visibility == SHARED:
        return and_(_I.visibility == SHARED, or_(mine, to_me))
    if wanted.visibility and wanted.visibility != "all":
        return and_(_I.visibility == wanted.visibility, mine)
    open_to_all = [PUBLIC, COMMUNITY] if wanted.visibility == "all" else [PUBLIC]
    return or_(*(_I.visibility == one for one in open_to_all), mine, to_me)


def _after(row: Image, order: list[tuple[str, bool]]) -> ColumnElement[bool]:
    """Rows that come behind ``row`` in that order."""
    steps: list[ColumnElement[bool]] = []
    equal: list[ColumnElement[bool]] = []
    for key, ascending in order:
        column: ColumnElement[Any] = SORTABLE[key]
        value = getattr(row, key)
        if value is None:
            value = 0 if key == "size" else ""
        steps.append(and_(*equal, column > value if ascending else column < value))
        equal.append(column == value)
    return or_(*steps)


def query(wanted: Wanted) -> "Select[Any]":
    """The statement of a list, with the parameters ``viewer`` (the caller's project), ``most`` and ``tag_0`` …"""
    tagged = select(_T.image_id).where(_T.image_id == _I.id).exists()
    found = select(t.images, tagged.label("tagged")).where(*wanted.conditions)
    seen = _seen(wanted)
    if seen is not None:
        found = found.where(seen)
    for place, tag in enumerate(wanted.tags):
        found = found.where(_I.id.in_(select(_T.image_id).where(_T.tag == bindparam(f"tag_{place}", tag))))
    if wanted.after:
        found = found.where(_after(wanted.after, wanted.order))
    found = found.order_by(
        *(SORTABLE[key].asc() if ascending else SORTABLE[key].desc() for key, ascending in wanted.order)
    )
    return found if wanted.properties else found.limit(bindparam("most", wanted.limit, type_=Integer))


@lru_cache(maxsize=256)
def _plain(
    own: bool, visibility: str | None, member_status: str, tags: int, order: tuple[tuple[str, bool], ...], whole: bool
) -> Prepared:
    """The statement of a first page without conditions: all that it depends on. ``whole``: without a limit."""
    wanted = Wanted(
        project="" if own else None,
        visibility=visibility,
        member_status=member_status,
        tags=[""] * tags,
        order=list(order),
        properties={"": ""} if whole else {},
    )
    return prepared(query(wanted))


def _statement(wanted: Wanted) -> Statement:
    if wanted.conditions or wanted.after:
        return query(wanted)
    return _plain(
        wanted.project is not None,
        wanted.visibility,
        wanted.member_status,
        len(wanted.tags),
        tuple(wanted.order),
        bool(wanted.properties),
    )


async def images(db: Reader, wanted: Wanted) -> list[Listed]:
    """A page of images."""
    given = {f"tag_{place}": tag for place, tag in enumerate(wanted.tags)}
    rows = await db.all(_statement(wanted), Listed, viewer=wanted.project or "", most=wanted.limit, **given)
    if wanted.properties:
        rows = [
            row for row in rows if all(row.properties.get(name) == value for name, value in wanted.properties.items())
        ]
    return rows[: wanted.limit]


async def tags(db: Reader, ids: Collection[str]) -> dict[str, list[str]]:
    """The tags of several images."""
    found: dict[str, list[str]] = {id: [] for id in ids}
    if ids:
        keys = padded(ids)
        for row in await db.all(_tags_of(len(keys)), Tag, **{f"one_{place}": key for place, key in enumerate(keys)}):
            found[row.image_id].append(row.tag)
    return found


@lru_cache(maxsize=16)
def _tags_of(size: int) -> Prepared:
    among = _T.image_id.in_([bindparam(f"one_{place}") for place in range(size)])
    return prepared(select(t.tags).where(among).order_by(_T.tag))


async def put(tx: Transaction, image: Image, old_status: str | None = None) -> bool:
    """Write all columns of an image that is there; False where it is gone (or has another status than ``old_status``)."""
    columns = values(image)
    for name in ("id", "stores"):  # where its data are is changed by those who move them
        del columns[name]
    where = [_I.id == image.id]
    if old_status is not None:
        where.append(_I.status == old_status)
    return bool(await tx.run(update(t.images).where(*where).values(**columns)))


async def set_tags(tx: Transaction, id: str, wanted: Iterable[str]) -> None:
    """Replace the tags of an image."""
    await tx.run(t.tags.delete().where(_T.image_id == id))
    await tx.run_many(ADD_TAG, [{"image_id": id, "tag": tag} for tag in sorted(set(wanted))])


async def member(db: Reader, id: str, project: str) -> Member | None:
    """A project's membership."""
    return await db.one(MEMBER, Member, key=id, project=project)


def padded(keys: Iterable[str]) -> list[str]:
    """A list for IN whose length is a power of two, so that few texts of a statement exist."""
    found = sorted(set(keys)) or [""]
    size = 1 << (len(found) - 1).bit_length()
    return found + [found[-1]] * (size - len(found))
