"""SQLite by the standard library, run inline: a statement takes microseconds, less than handing it to a thread.

One connection writes, under one asyncio lock per file, another reads (WAL: readers see what is committed).
"""

import asyncio
import sqlite3
import weakref
from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect

from tinstack.core.clock import now_us
from tinstack.core.config import DatabaseConfig
from tinstack.core.db.interface import Duplicate, Statement, Work, compile_for, rows_into

S = TypeVar("S")
T = TypeVar("T")

_locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()


class _Connection:
    """The statements of one connection; also the transaction object that ``work`` is given."""

    def __init__(self, path: str, dialect: Dialect) -> None:
        self.dialect = dialect
        self.raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
            self.raw.execute(f"PRAGMA {pragma}")

    def execute(self, statement: Statement, parameters: dict[str, Any]) -> sqlite3.Cursor:
        compiled = compile_for(statement, self.dialect)
        try:
            return self.raw.execute(compiled.text, compiled.bind(parameters))
        except sqlite3.IntegrityError as error:
            if "UNIQUE" in str(error):
                raise Duplicate(str(error)) from error
            raise

    async def all(self, statement: Statement, into: type[S], **parameters: Any) -> list[S]:
        cursor = self.execute(statement, parameters)
        return rows_into(into, tuple(column[0] for column in cursor.description), cursor.fetchall())

    async def one(self, statement: Statement, into: type[S], **parameters: Any) -> S | None:
        found = await self.all(statement, into, **parameters)
        return found[0] if found else None

    async def scalar(self, statement: Statement, **parameters: Any) -> Any:
        row = self.execute(statement, parameters).fetchone()
        return row[0] if row else None

    async def run(self, statement: Statement, **parameters: Any) -> int:
        return self.execute(statement, parameters).rowcount

    async def run_many(self, statement: Statement, rows: Sequence[dict[str, Any]]) -> None:
        for row in rows:
            self.execute(statement, row)

    async def now(self) -> int:
        return now_us()


class SqliteDatabase:
    """A file, or ``sqlite:///:memory:``-like paths are not served: two connections need a file."""

    def __init__(self, config: DatabaseConfig) -> None:
        self.path = config.url.removeprefix("sqlite:///")
        self.dialect: Dialect = sqlite.dialect(paramstyle="qmark")
        self._writer: _Connection | None = None
        self._reader: _Connection | None = None
        self._lock = _locks.setdefault(self.path, asyncio.Lock())

    async def open(self) -> None:
        self._writer = _Connection(self.path, self.dialect)
        self._reader = _Connection(self.path, self.dialect)

    async def close(self) -> None:
        for connection in (self._writer, self._reader):
            if connection:
                connection.raw.close()
        self._writer = self._reader = None

    async def measure(self) -> None:
        """Two connections, always."""

    async def transact(self, work: Work[T]) -> T:
        assert self._writer, "the database is not open"
        async with self._lock:
            raw = self._writer.raw
            raw.execute("BEGIN IMMEDIATE")
            try:
                result = await work(self._writer)
            except BaseException:
                raw.execute("ROLLBACK")
                raise
            raw.execute("COMMIT")
            return result

    async def all(self, statement: Statement, into: type[S], **parameters: Any) -> list[S]:
        assert self._reader, "the database is not open"
        return await self._reader.all(statement, into, **parameters)

    async def one(self, statement: Statement, into: type[S], **parameters: Any) -> S | None:
        assert self._reader, "the database is not open"
        return await self._reader.one(statement, into, **parameters)

    async def scalar(self, statement: Statement, **parameters: Any) -> Any:
        assert self._reader, "the database is not open"
        return await self._reader.scalar(statement, **parameters)
