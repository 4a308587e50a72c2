"""What rarely changes, kept in memory: answers of the database, each good while one row of it, the mark, stands as it stood before.

Whoever writes a table of ``RARE`` moves the mark with the last statement of the same transaction; ``KnownDatabase`` sees to it, no
caller can forget. One SELECT of the mark thus vouches for all that was kept, whichever process wrote: an answer is never older
than the request. What is kept is thrown away after ``SECONDS`` all the same, for what wrote past us (a hand, an older release).
Rows that come from here are shared: nobody changes them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Table, bindparam, select
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import visitors

from tinstack.core.db import Database, Prepared, Statement, Transaction, prepared
from tinstack.network.server import gaps
from tinstack.network.server import tables as t

S = TypeVar("S")
T = TypeVar("T")

RARE = frozenset(
    {
        t.address_groups,
        t.default_groups,
        t.floatingips,
        t.groups,
        t.l3.port_forwardings,
        t.networks,
        t.qos_policies,
        t.qos_rules,
        t.quotas,
        t.rbac_policies,
        t.routers,
        t.rules,
        t.subnetpools,
        t.subnets,
    }
)
"""Tables of which answers may be kept: no boot of a server writes them."""

RARE_NAMES = {table.name for table in RARE}

SECONDS = 10.0
MOST_ROWS = 10_000
"""More than that aren't kept."""

MARK = "known"

_C, _H = t.cursors.c, t.hosts.c

_HERE = _H.host == bindparam("name")
_MARK = select(_C.generation).where(_C.name == MARK)
MARK_NOW = _MARK.scalar_subquery().label("mark")
"""For statements that read the mark with something else."""

NEWEST = prepared(_MARK)
LOOK = prepared(
    select(
        MARK_NOW,
        select(_H.generation).where(_HERE).scalar_subquery().label("generation"),
        select(_H.physical_networks).where(_HERE, _H.heartbeat_at > 0).scalar_subquery().label("physical_networks"),
    )
)


class Look(msgspec.Struct, frozen=True):
    """The mark, and of a host its generation, and its wires while it reports."""

    mark: int | None
    generation: int | None
    physical_networks: dict[str, str] | None


class _Kept:
    """What was asked since the mark was first seen there. Never shared by two marks."""

    def __init__(self, mark: int | None) -> None:
        self.mark, self.since, self.rows = mark, time.monotonic(), 0
        self.answers: dict[tuple[Any, ...], Sequence[Any]] = {}

    def good(self, mark: int | None) -> bool:
        return mark is not None and mark == self.mark and time.monotonic() - self.since < SECONDS

    def add(self, key: tuple[Any, ...], found: Sequence[Any]) -> None:
        if self.rows + len(found) < MOST_ROWS and len(self.answers) < MOST_ROWS:
            self.answers[key] = found
            self.rows += len(found)


class Known:
    """Reads through what is kept: ``Database`` and ``Transaction`` without what writes. Only answers to prepared statements on ``RARE``
    are kept; with any other it asks."""

    def __init__(self, kept: _Kept, reader: "Database | KnownTransaction") -> None:
        self._kept, self._reader = kept, reader

    async def _rows(self, kind: Any, statement: Statement, parameters: dict[str, Any]) -> Sequence[Any]:
        if isinstance(self._reader, KnownTransaction) and self._reader.wrote:
            return await _ask(self._reader, kind, statement, parameters)  # its own rows are nobody else's yet
        if not (isinstance(statement, Prepared) and _is_rare(statement)):
            return await _ask(self._reader, kind, statement, parameters)
        key = (kind, statement, *sorted(parameters.items()))
        found = self._kept.answers.get(key)
        if found is None:
            found = await _ask(self._reader, kind, statement, parameters)
            self._kept.add(key, found)
        return found

    async def all(self, statement: Statement, into: type[S], **parameters: Any) -> list[S]:
        """All rows as Structs."""
        return list(await self._rows(into, statement, parameters))

    async def one(self, statement: Statement, into: type[S], **parameters: Any) -> S | None:
        """The first row as a Struct, or None."""
        found = await self._rows(into, statement, parameters)
        return found[0] if found else None

    async def scalar(self, statement: Statement, **parameters: Any) -> Any:
        """The first column of the first row, or None."""
        return (await self._rows(None, statement, parameters))[0]


async def _ask(reader: Any, kind: Any, statement: Statement, parameters: dict[str, Any]) -> Sequence[Any]:
    if kind is None:
        return (await reader.scalar(statement, **parameters),)
    found: Sequence[Any] = await reader.all(statement, kind, **parameters)
    return found


@lru_cache(maxsize=4096)
def _is_rare(statement: Prepared) -> bool:
    return all(part.name in RARE_NAMES for part in visitors.iterate(statement.statement) if isinstance(part, Table))


class _Memory:
    """What the processes' requests share."""

    def __init__(self) -> None:
        self.kept = _Kept(None)

    def at(self, mark: int | None) -> _Kept:
        """By the mark that was just read."""
        if not self.kept.good(mark):
            self.kept = _Kept(mark)
        return self.kept


class KnownTransaction:
    """A transaction that notices when it writes a table of ``RARE``."""

    def __init__(self, tx: Transaction, memory: _Memory) -> None:
        self._tx, self._memory, self.wrote = tx, memory, False
        self.all, self.one, self.scalar, self.now = tx.all, tx.one, tx.scalar, tx.now

    def _note(self, statement: Statement) -> None:
        clause: Any = statement.statement if isinstance(statement, Prepared) else statement
        self.wrote = self.wrote or getattr(clause, "table", None) in RARE

    async def run(self, statement: Statement, **parameters: Any) -> int:
        """Insert, update or delete."""
        self._note(statement)
        return await self._tx.run(statement, **parameters)

    async def run_many(self, statement: Statement, rows: Sequence[dict[str, Any]]) -> None:
        """The same for each of ``rows``."""
        self._note(statement)
        await self._tx.run_many(statement, rows)

    async def look(self, host: str) -> tuple[Known, Look]:
        """What is known now, and the host. Take locks first: what they guard is then as it stays."""
        found = await self._tx.one(LOOK, Look, name=host)
        assert found
        return Known(self._memory.at(found.mark), self), found

    @property
    def latest(self) -> Known:
        """As of the last look of anybody, for what needs no more."""
        return Known(self._memory.kept, self)


class KnownDatabase:
    """A database that knows."""

    def __init__(self, database: Database) -> None:
        self._database, self._memory = database, _Memory()
        self.dialect: Dialect = database.dialect
        self.open, self.close, self.measure = database.open, database.close, database.measure
        self.all, self.one, self.scalar = database.all, database.one, database.scalar
        self._lock = asyncio.Lock()
        self._started = self._finished = 0

    async def transact(self, work: Callable[[KnownTransaction], Awaitable[T]]) -> T:
        """``work`` in a transaction, which moves the mark where it has to."""

        async def watched(tx: Transaction) -> T:
            seen = KnownTransaction(tx, self._memory)
            result = await work(seen)
            if seen.wrote:
                await gaps.lock_or_add(tx, MARK)
            return result

        return await self._database.transact(watched)

    async def known(self) -> Known:
        """With all that was committed before this call. Requests that wait together share one look that began after they came."""
        mine = self._started + 1
        async with self._lock:
            if self._finished < mine:
                self._started = number = self._started + 1
                self._memory.at(await self._database.scalar(NEWEST))
                self._finished = number
            return self.latest

    @property
    def latest(self) -> Known:
        """As of the last look of anybody: for a request that has looked already."""
        return Known(self._memory.kept, self._database)

    def at(self, mark: int | None) -> Known:
        """By the mark that was just read, with something else."""
        return Known(self._memory.at(mark), self._database)
