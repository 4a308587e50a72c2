"""Quota limits: what an operator set for a project, a user of it, or the default class, over the configured defaults.

``owner`` is ``project:<id>``, ``user:<project>:<user>`` (hashed where it would be too long) or ``class:default``. Usage is
counted where it is sold: see ``quota usage`` in the store.
"""

import hashlib
from collections.abc import Mapping

import msgspec
from sqlalchemy import bindparam, delete, func, select, update

from tinstack.computedb.tables import keypairs, quota_limits, quota_usage, server_groups
from tinstack.core.db import Database, Duplicate, Transaction, prepared

DEFAULT_CLASS = "class:default"
ROW = "generation"
"""A pseudo resource: the row that serialises what is counted in one owner's name."""


class Limit(msgspec.Struct, frozen=True):
    """-1 is unlimited."""

    owner: str
    resource: str
    hard_limit: int


class Usage(msgspec.Struct, kw_only=True):
    """What a project's servers take. MiB."""

    instances: int = 0
    cores: int = 0
    ram_mib: int = 0


def project(project_id: str) -> str:
    """The owner's name of a project."""
    return f"project:{project_id}"


def user(project_id: str, user_id: str) -> str:
    """The owner's name of a user in a project."""
    return "user:" + hashlib.sha256(f"{project_id}:{user_id}".encode()).hexdigest()


_OF = prepared(
    select(quota_limits).where(quota_limits.c.owner.in_([bindparam("one"), bindparam("two"), bindparam("three")]))
)
_SET = prepared(
    update(quota_limits)
    .where(quota_limits.c.owner == bindparam("who"), quota_limits.c.resource == bindparam("what"))
    .values(hard_limit=bindparam("most"))
)
_INSERT = prepared(quota_limits.insert())
_FORGET = prepared(delete(quota_limits).where(quota_limits.c.owner == bindparam("who"), quota_limits.c.resource != ROW))
_USAGE = prepared(
    select(quota_usage.c.instances, quota_usage.c.cores, quota_usage.c.ram_mib).where(
        quota_usage.c.project_id == bindparam("project")
    )
)
_TURN = prepared(
    update(quota_limits)
    .where(quota_limits.c.owner == bindparam("who"), quota_limits.c.resource == ROW)
    .values(hard_limit=quota_limits.c.hard_limit + 1)
)
_KEY_PAIRS = prepared(select(func.count()).select_from(keypairs).where(keypairs.c.user_id == bindparam("owner")))
_GROUPS = prepared(
    select(func.count()).select_from(server_groups).where(server_groups.c.project_id == bindparam("owner"))
)


def merged(rows: list[Limit], defaults: Mapping[str, int], *owners: str) -> dict[str, int]:
    """Defaults, then each owner's own limits over them in that order."""
    found = dict(defaults)
    for owner in owners:
        found |= {row.resource: row.hard_limit for row in rows if row.owner == owner and row.resource != ROW}
    return found


async def limits(
    db: Database, defaults: Mapping[str, int], project_id: str, user_id: str | None = None
) -> dict[str, int]:
    """What holds for a project (for a user of it)."""
    owners = (DEFAULT_CLASS, project(project_id), user(project_id, user_id) if user_id else DEFAULT_CLASS)
    rows = await db.all(_OF, Limit, one=owners[0], two=owners[1], three=owners[2])
    return merged(rows, defaults, *dict.fromkeys(owners))


async def default_limits(db: Database, defaults: Mapping[str, int]) -> dict[str, int]:
    """What holds for a project without limits of its own."""
    rows = await db.all(_OF, Limit, one=DEFAULT_CLASS, two=DEFAULT_CLASS, three=DEFAULT_CLASS)
    return merged(rows, defaults, DEFAULT_CLASS)


async def set_limits(db: Database, owner: str, wanted: Mapping[str, int]) -> None:
    """Set some limits of an owner."""

    async def work(tx: Transaction) -> None:
        for resource, most in wanted.items():
            if await tx.run(_SET, who=owner, what=resource, most=most):
                continue
            try:
                await tx.run(_INSERT, owner=owner, resource=resource, hard_limit=most)
            except Duplicate:
                await tx.run(_SET, who=owner, what=resource, most=most)

    await db.transact(work)


async def forget(db: Database, owner: str) -> None:
    """Back to the defaults."""

    async def work(tx: Transaction) -> None:
        await tx.run(_FORGET, who=owner)

    await db.transact(work)


async def usage(db: Database, project_id: str) -> Usage:
    """What a project's servers take."""
    return await db.one(_USAGE, Usage, project=project_id) or Usage()


async def key_pairs(db: Database, user_id: str) -> int:
    """How many key pairs a user has."""
    return int(await db.scalar(_KEY_PAIRS, owner=user_id) or 0)


async def groups(db: Database, project_id: str) -> int:
    """How many server groups a project has."""
    return int(await db.scalar(_GROUPS, owner=project_id) or 0)


async def take_turn(tx: Transaction, owner: str) -> None:
    """Serialise with all others that count in ``owner``'s name, until this transaction ends."""
    if await tx.run(_TURN, who=owner):
        return
    try:
        await tx.run(_INSERT, owner=owner, resource=ROW, hard_limit=1)
    except Duplicate:
        await tx.run(_TURN, who=owner)


async def key_pairs_in(tx: Transaction, user_id: str) -> int:
    """The same count within a transaction that has its turn."""
    return int(await tx.scalar(_KEY_PAIRS, owner=user_id) or 0)


async def groups_in(tx: Transaction, project_id: str) -> int:
    """The same count within a transaction that has its turn."""
    return int(await tx.scalar(_GROUPS, owner=project_id) or 0)
