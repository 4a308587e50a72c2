"""Tokens that open a server's console: statements only. A token itself is never kept, only its hash."""

import hashlib

import msgspec
from sqlalchemy import bindparam, delete, insert, select

from tinstack.computedb.tables import console_tokens
from tinstack.core.db import Database, Transaction, prepared, values


class ConsoleToken(msgspec.Struct, kw_only=True):
    """Where a console is: on ``compute_host`` (its name), at ``host`` and ``port``, behind ``internal_access_path`` where it has one."""

    token_hash: str
    instance_id: str
    compute_host: str
    console_type: str
    host: str
    port: int
    expires_at: int
    internal_access_path: str | None = None


_ADD = prepared(insert(console_tokens))
_FORGET = prepared(delete(console_tokens).where(console_tokens.c.expires_at < bindparam("now")))
_ONE = prepared(
    select(console_tokens).where(
        console_tokens.c.token_hash == bindparam("key"), console_tokens.c.expires_at >= bindparam("now")
    )
)


def hash_of(token: str) -> str:
    """What is kept of a token: it has 122 random bits, so a plain hash will do."""
    return hashlib.sha256(token.encode()).hexdigest()


async def add(db: Database, token: ConsoleToken, seconds: float) -> None:
    """Keep it for so long, by the database's clock; those that are over are forgotten."""

    async def work(tx: Transaction) -> None:
        now = await tx.now()
        token.expires_at = now + int(seconds * 1e6)
        await tx.run(_FORGET, now=now)
        await tx.run(_ADD, **values(token))

    await db.transact(work)


async def find(db: Database, token: str) -> ConsoleToken | None:
    """What a token opens, while it holds."""

    async def work(tx: Transaction) -> ConsoleToken | None:
        return await tx.one(_ONE, ConsoleToken, key=hash_of(token), now=await tx.now())

    return await db.transact(work)
