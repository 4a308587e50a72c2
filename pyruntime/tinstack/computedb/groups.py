"""Server groups: statements only. Membership stands in the instances' rows."""

from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, insert, select

from tinstack.computedb import quota_limits
from tinstack.computedb.tables import instances, server_groups
from tinstack.core.db import Database, Transaction, prepared, to_json


class ServerGroup(msgspec.Struct, kw_only=True):
    """``policy``: affinity, anti-affinity, soft-affinity or soft-anti-affinity."""

    id: str
    project_id: str
    user_id: str
    name: str
    policy: str
    created_at: int
    rules: dict[str, Any] = {}


class Member(msgspec.Struct, frozen=True):
    """A server in a group."""

    id: str
    server_group: str


class OverLimit(Exception):
    """The project has as many as allowed."""

    def __init__(self, used: int) -> None:
        super().__init__(used)
        self.used = used


_COLUMNS = [server_groups.c[name] for name in ServerGroup.__struct_fields__]
BY_ID = prepared(select(*_COLUMNS).where(server_groups.c.id == bindparam("key")))
_OF_PROJECT = prepared(
    select(*_COLUMNS).where(server_groups.c.project_id == bindparam("project")).order_by(server_groups.c.number)
)
_ALL = prepared(select(*_COLUMNS).order_by(server_groups.c.number))
_INSERT = prepared(insert(server_groups).values({name: bindparam(name) for name in ServerGroup.__struct_fields__}))
_DELETE = prepared(delete(server_groups).where(server_groups.c.id == bindparam("key")))
_MEMBERS = prepared(
    select(instances.c.id, instances.c.server_group)
    .where(instances.c.server_group.is_not(None), instances.c.deleted_at == 0)
    .order_by(instances.c.number)
)
_MEMBERS_OF = prepared(
    select(instances.c.id, instances.c.server_group)
    .where(instances.c.server_group == bindparam("key"), instances.c.deleted_at == 0)
    .order_by(instances.c.number)
)
_SIZE = prepared(
    select(func.count())
    .select_from(instances)
    .where(instances.c.server_group == bindparam("key"), instances.c.deleted_at == 0)
)


async def get(db: Database, id: str) -> ServerGroup | None:
    """By id."""
    return await db.one(BY_ID, ServerGroup, key=id)


async def of_project(db: Database, project_id: str | None) -> list[ServerGroup]:
    """A project's, oldest first; None: all."""
    if project_id is None:
        return await db.all(_ALL, ServerGroup)
    return await db.all(_OF_PROJECT, ServerGroup, project=project_id)


async def insert_group(db: Database, group: ServerGroup, most: int) -> None:
    """Raises OverLimit (``most``: -1 is unlimited)."""

    async def work(tx: Transaction) -> None:
        await quota_limits.take_turn(tx, quota_limits.project(group.project_id))
        used = await quota_limits.groups_in(tx, group.project_id)
        if 0 <= most <= used:
            raise OverLimit(used)
        row = {name: getattr(group, name) for name in ServerGroup.__struct_fields__} | {"rules": to_json(group.rules)}
        await tx.run(_INSERT, **row)

    await db.transact(work)


async def remove(db: Database, id: str) -> None:
    """Forget it."""

    async def work(tx: Transaction) -> None:
        await tx.run(_DELETE, key=id)

    await db.transact(work)


async def members(db: Database, id: str | None = None) -> dict[str, list[str]]:
    """Group id → servers, of one group or of all."""
    rows = await (db.all(_MEMBERS, Member) if id is None else db.all(_MEMBERS_OF, Member, key=id))
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.server_group, []).append(row.id)
    return found


async def size(db: Database, id: str) -> int:
    """How many servers a group has."""
    return int(await db.scalar(_SIZE, key=id) or 0)
