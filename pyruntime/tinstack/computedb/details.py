"""What a user may say of a server at any time: names, metadata, tags, lock. No state changes."""

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import bindparam, select, update

from tinstack.computedb.rows import Instance
from tinstack.computedb.tables import instances
from tinstack.core.db import Database, Transaction, from_json, prepared, to_json
from tinstack.core.errors import Conflict

TRIES = 8


class Changed(Conflict):
    """409: others keep changing the same."""

    code, message = "compute.server.changed", "The server is being changed by other requests; try again."


class _Text(msgspec.Struct):
    text: str


_JSON = ("metadata", "tags", "security_groups", "ports", "volumes")
_READ = {
    name: prepared(
        select(instances.c[name].label("text")).where(instances.c.id == bindparam("key"), instances.c.deleted_at == 0)
    )
    for name in _JSON
}
_SWAP = {
    name: prepared(
        update(instances)
        .where(
            instances.c.id == bindparam("key"), instances.c.deleted_at == 0, instances.c[name] == bindparam("before")
        )
        .values({name: bindparam("after"), "updated_at": bindparam("now")})
    )
    for name in _JSON
}


async def swap(db: Database, id: str, column: str, change: Callable[[Any], Any], now: int) -> Any:
    """Apply ``change`` to a column that holds JSON; the new value, None for a server that is gone.

    Raises Changed; whatever ``change`` raises passes through.
    """

    async def work(tx: Transaction) -> tuple[bool, Any]:
        row = await tx.one(_READ[column], _Text, key=id)
        if row is None:
            return True, None
        after = change(from_json(row.text))
        done = await tx.run(_SWAP[column], key=id, before=row.text, after=to_json(after), now=now)
        return bool(done), after

    for _ in range(TRIES):
        done, after = await db.transact(work)
        if done:
            return after
    raise Changed


async def set_columns(db: Database, id: str, now: int, **columns: Any) -> bool:
    """Plain columns: name, hostname, description, addresses, disk_config, lock. False for a server that is gone."""
    statement = (
        update(instances).where(instances.c.id == id, instances.c.deleted_at == 0).values(updated_at=now, **columns)
    )

    async def work(tx: Transaction) -> bool:
        return bool(await tx.run(statement))

    return await db.transact(work)


def shown_after(row: Instance, now: int, **columns: Any) -> Instance:
    """The row as it is after that change."""
    return msgspec.structs.replace(row, updated_at=now, **columns)
