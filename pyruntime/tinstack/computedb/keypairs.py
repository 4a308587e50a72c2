"""Key pairs: statements only. The private half is never kept."""

import msgspec
from sqlalchemy import bindparam, delete, select

from tinstack.computedb import quota_limits
from tinstack.computedb.tables import keypairs
from tinstack.core.db import Database, Duplicate, Transaction, prepared


class KeyPair(msgspec.Struct, kw_only=True):
    """``number`` is the id that the API shows. ``type``: ssh or x509."""

    user_id: str
    name: str
    type: str
    public_key: str
    fingerprint: str
    created_at: int
    number: int = 0


_ONE = prepared(select(keypairs).where(keypairs.c.user_id == bindparam("owner"), keypairs.c.name == bindparam("key")))
_AFTER = prepared(
    select(keypairs)
    .where(keypairs.c.user_id == bindparam("owner"), keypairs.c.name > bindparam("after"))
    .order_by(keypairs.c.name)
    .limit(bindparam("most"))
)
_INSERT = prepared(
    keypairs.insert().values({name: bindparam(name) for name in KeyPair.__struct_fields__ if name != "number"})
)
_DELETE = prepared(
    delete(keypairs).where(keypairs.c.user_id == bindparam("owner"), keypairs.c.name == bindparam("key"))
)


class OverLimit(Exception):
    """The user has as many as allowed."""


async def get(db: Database, user_id: str, name: str) -> KeyPair | None:
    """By owner and name."""
    return await db.one(_ONE, KeyPair, owner=user_id, key=name)


async def page(db: Database, user_id: str, after: str, most: int) -> list[KeyPair]:
    """By name, those after ``after``."""
    return await db.all(_AFTER, KeyPair, owner=user_id, after=after, most=most)


async def insert(db: Database, pair: KeyPair, most: int) -> bool:
    """False where the user has one of that name. Raises OverLimit (``most``: -1 is unlimited)."""

    async def work(tx: Transaction) -> None:
        owner = quota_limits.user("", pair.user_id)
        await quota_limits.take_turn(tx, owner)
        if 0 <= most <= await quota_limits.key_pairs_in(tx, pair.user_id):
            raise OverLimit
        row = {name: getattr(pair, name) for name in KeyPair.__struct_fields__ if name != "number"}
        await tx.run(_INSERT, **row)

    try:
        await db.transact(work)
    except Duplicate:
        return False
    return True


async def remove(db: Database, user_id: str, name: str) -> bool:
    """False where there was none."""

    async def work(tx: Transaction) -> bool:
        return bool(await tx.run(_DELETE, owner=user_id, key=name))

    return await db.transact(work)
