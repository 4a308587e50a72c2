"""MariaDB by asyncmy on raw cursors, with a small pool of its own.

READ COMMITTED; FOUND_ROWS, so that an update reports the rows it matched; a transaction that meets a deadlock (1213),
a lock wait (1205) or a connection lost before COMMIT is run again; a cancelled statement closes its connection.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import asyncmy
from asyncmy.constants import CLIENT
from asyncmy.errors import DataError, IntegrityError, InterfaceError, MySQLError, OperationalError
from sqlalchemy import text
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect

from tinstack.core.clock import SECOND
from tinstack.core.config import DatabaseConfig
from tinstack.core.db.interface import Duplicate, Statement, Work, compile_for, prepared, rows_into
from tinstack.core.errors import BadRequest, Unavailable
from tinstack.core.metrics.families import CONNECTIONS, STATEMENT_SECONDS, TRANSACTIONS, UNREACHABLE
from tinstack.core.tls import trusting

S = TypeVar("S")
T = TypeVar("T")

log = logging.getLogger(__name__)

AGAIN = {1213, 1205, 1020}
LOST = {2003, 2006, 2013, 2014, 2055, 1927, 1053}
DUPLICATE = {1062, 1586}
UNKEEPABLE = {1264, 1366, 1406}
"""Out of range, of other characters, too long."""
TRIES = 8
NOT_IN_BULK = 1295
"""What a server answers that does not take a prepared statement in bulk (seen over TLS); it has done nothing then."""
STATEMENTS = 100
"""Texts that each connection keeps prepared in the server: parameters and rows travel in binary, columns are described once."""

NOW = prepared(text("SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)"))
CLOCK_SECONDS = 1.0
"""How long the database's clock is counted on from what it said."""
PROMPT_SECONDS = 0.01
"""An answer that took longer is good for once alone: nobody knows how old it was when it came."""


class DatabaseUnavailable(Unavailable):
    """503: MariaDB can't be reached, or stays deadlocked after several tries."""

    code = "database"
    message = "The database can't be reached; nothing was changed, try again."


class Unkeepable(BadRequest):
    """400: a value that is longer, larger or of other characters than its column takes, and that no schema refused before."""

    code, message = "database.unkeepable", "A value of the request is too long or too large to be kept."


class CommitUnknown(Unavailable):
    """503: the connection was lost while COMMIT was under way; look the operation up by its id."""

    code = "database.commit_unknown"
    message = "The database's answer to COMMIT was lost; whether the change was made must be looked up."


class _Clock:
    """The database's clock, asked once in a while and counted on from a prompt answer: off by PROMPT_SECONDS at the most.

    Leases are given and taken by it: one that is behind by a moment in which this process stood still would let others take what
    its owner believes to hold.
    """

    def __init__(self) -> None:
        self._said, self._heard = 0, -CLOCK_SECONDS

    async def now(self, ask: Callable[[], Awaitable[Any]]) -> int:
        """Microseconds."""
        began = time.monotonic()
        if began - self._heard < CLOCK_SECONDS:
            return self._said + int((began - self._heard) * SECOND)
        said, heard = int(await ask()), time.monotonic()
        if heard - began < PROMPT_SECONDS:
            self._said, self._heard = said, heard
        return said

    def forget(self) -> None:
        """Another server may answer next."""
        self._heard = -CLOCK_SECONDS


SESSION = "SET SESSION tx_isolation='READ-COMMITTED', time_zone='+00:00', group_concat_max_len=16777216"
"""The last: a concatenation may be as long as a packet, by default it is cut after a MiB."""


class _Connection:
    """The statements of one connection; also the transaction object that ``work`` is given.

    ``transacting``: statements open a transaction by themselves (autocommit is off), which saves a BEGIN each time.
    """

    def __init__(self, raw: Any, dialect: Dialect, clock: _Clock, transacting: bool, name: str) -> None:
        self.raw, self.dialect, self.clock, self.transacting = raw, dialect, clock, transacting
        self.usable, self.name = True, name

    async def turn(self, transacting: bool) -> None:
        """Use it in the other way."""
        with self._watched():
            await self.raw.autocommit(not transacting)
        self.transacting = transacting

    async def commit(self) -> None:
        with self._watched():
            await self.raw.commit()

    async def rollback(self) -> None:
        with self._watched():
            await self.raw.rollback()

    async def execute(
        self, sql: str, arguments: Sequence[Any] = ()
    ) -> tuple[int, tuple[str, ...], Sequence[Sequence[Any]]]:
        cursor = self.raw.cursor()
        began = time.perf_counter()
        with self._watched():
            await cursor.execute(sql, tuple(arguments))
            names = tuple([column[0] for column in cursor.description or ()])
            rows = (await cursor.fetchall()) if names else ()
            STATEMENT_SECONDS.observe(time.perf_counter() - began, self.name)
            return cursor.rowcount, names, rows

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Whatever may have left something unread on the connection makes it unusable."""
        try:
            yield
        except IntegrityError as error:
            if error.args and error.args[0] in DUPLICATE:
                raise Duplicate(str(error.args[-1])) from error
            raise
        except DataError as error:
            if error.args and error.args[0] in UNKEEPABLE:
                raise Unkeepable from error
            raise
        except MySQLError as error:
            self.usable = not _lost(error)
            raise
        except BaseException:
            self.usable = False
            raise

    async def _statement(self, statement: Statement, parameters: dict[str, Any]) -> Any:
        compiled = compile_for(statement, self.dialect)
        return await self.execute(compiled.text, compiled.bind(parameters))

    async def all(self, statement: Statement, into: type[S], **parameters: Any) -> list[S]:
        _, names, rows = await self._statement(statement, parameters)
        return rows_into(into, names, rows)

    async def one(self, statement: Statement, into: type[S], **parameters: Any) -> S | None:
        found = await self.all(statement, into, **parameters)
        return found[0] if found else None

    async def scalar(self, statement: Statement, **parameters: Any) -> Any:
        _, _, rows = await self._statement(statement, parameters)
        return rows[0][0] if rows else None

    async def run(self, statement: Statement, **parameters: Any) -> int:
        count, _, _ = await self._statement(statement, parameters)
        return int(count)

    async def run_many(self, statement: Statement, rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        compiled = compile_for(statement, self.dialect)
        bound = [compiled.bind(row) for row in rows]
        with self._watched():
            try:
                await self.raw.cursor().executemany(compiled.text, bound)
            except MySQLError as error:
                if error.args[0] != NOT_IN_BULK:
                    raise
                for one in bound:
                    await self.raw.cursor().execute(compiled.text, one)

    async def now(self) -> int:
        return await self.clock.now(lambda: self.scalar(NOW))


class MariaDatabase:
    """``pool`` connections at the most, opened when needed and kept."""

    def __init__(self, config: DatabaseConfig) -> None:
        url = urlsplit(config.url)
        self._options: dict[str, Any] = {
            "host": url.hostname or "127.0.0.1",
            "port": url.port or 3306,
            "user": unquote(url.username or ""),
            "password": config.password or unquote(url.password or ""),
            "db": url.path.lstrip("/"),
            "charset": "utf8mb4",
            "connect_timeout": 5,
            "client_flag": CLIENT.FOUND_ROWS,
            "ssl": trusting(config.ca),
            "stmt_cache_size": STATEMENTS,
            "init_command": SESSION,
        }
        self.dialect: Dialect = mysql.dialect(paramstyle="format")
        self._idle: list[_Connection] = []
        self._most, self._open = config.pool, 0
        self._slots = asyncio.Semaphore(config.pool)
        self._name: str = self._options["db"]
        self._clock = _Clock()

    async def open(self) -> None:
        async with self._connection(transacting=False):
            pass

    async def close(self) -> None:
        self._forget_idle()

    async def measure(self) -> None:
        idle = len(self._idle)
        for state, number in {"idle": idle, "used": self._open - idle, "limit": self._most}.items():
            CONNECTIONS.set(number, self._name, state)

    def _drop(self, connection: _Connection) -> None:
        connection.raw.close()
        self._clock.forget()
        self._open -= 1

    @asynccontextmanager
    async def _connection(self, *, transacting: bool) -> AsyncIterator[_Connection]:
        async with self._slots:
            connection = await self._take(transacting)
            try:
                if connection.transacting != transacting:
                    await connection.turn(transacting)
                yield connection
            except asyncio.CancelledError:
                connection.usable = False
                raise
            finally:
                if connection.usable:
                    self._idle.append(connection)
                else:
                    self._drop(connection)

    async def _take(self, transacting: bool) -> _Connection:
        """An idle connection that is used in this way, else a new one, else one that was used in the other way."""
        for place in range(len(self._idle) - 1, -1, -1):
            if self._idle[place].transacting == transacting:
                return self._idle.pop(place)
        if self._open >= self._most and self._idle:
            return self._idle.pop()
        self._open += 1
        try:
            return await self._connect(transacting)
        except BaseException:
            self._open -= 1
            raise

    async def _connect(self, transacting: bool) -> _Connection:
        try:
            raw = await asyncmy.connect(**self._options, autocommit=not transacting)
            return _Connection(raw, self.dialect, self._clock, transacting, self._name)
        except (OSError, MySQLError, TimeoutError) as error:
            UNREACHABLE.add(self._name)
            log.error("the database at %s:%s can't be reached: %s", self._options["host"], self._options["port"], error)
            raise DatabaseUnavailable from error

    async def transact(self, work: Work[T]) -> T:
        for attempt in range(TRIES):
            try:
                async with self._connection(transacting=True) as connection:
                    return await self._attempt(connection, work)
            except (OperationalError, InterfaceError) as error:
                if not (_again(error) or _lost(error)):
                    raise
                TRANSACTIONS.add(self._name, "lost" if _lost(error) else "again")
                if _lost(error):
                    self._forget_idle()
                log.debug("transaction is run again after: %s", error)
                await asyncio.sleep(random.uniform(0, 0.005 * 2**attempt))
        raise DatabaseUnavailable

    async def _attempt(self, connection: _Connection, work: Work[T]) -> T:
        try:
            result = await work(connection)
        except BaseException as error:
            if not isinstance(error, MySQLError):
                TRANSACTIONS.add(self._name, "rolled_back")
            if connection.usable:
                await self._rollback(connection)
            raise
        try:
            await connection.commit()
        except MySQLError as error:
            if _again(error):
                raise
            connection.usable = False
            TRANSACTIONS.add(self._name, "lost")
            raise CommitUnknown from error
        TRANSACTIONS.add(self._name, "committed")
        return result

    @staticmethod
    async def _rollback(connection: _Connection) -> None:
        try:
            await connection.rollback()
        except MySQLError:
            connection.usable = False

    def _forget_idle(self) -> None:
        while self._idle:
            self._drop(self._idle.pop())

    async def _read(self, statement: Statement, parameters: dict[str, Any]) -> Any:
        compiled = compile_for(statement, self.dialect)
        arguments = compiled.bind(parameters)
        for _ in range(TRIES):
            try:
                async with self._connection(transacting=False) as connection:
                    return await connection.execute(compiled.text, arguments)
            except (OperationalError, InterfaceError) as error:
                if not (_again(error) or _lost(error)):
                    raise
                self._forget_idle()
        raise DatabaseUnavailable

    async def all(self, statement: Statement, into: type[S], **parameters: Any) -> list[S]:
        _, names, rows = await self._read(statement, parameters)
        return rows_into(into, names, rows)

    async def one(self, statement: Statement, into: type[S], **parameters: Any) -> S | None:
        found = await self.all(statement, into, **parameters)
        return found[0] if found else None

    async def scalar(self, statement: Statement, **parameters: Any) -> Any:
        _, _, rows = await self._read(statement, parameters)
        return rows[0][0] if rows else None


def _number(error: BaseException) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def _again(error: BaseException) -> bool:
    return _number(error) in AGAIN


def _lost(error: BaseException) -> bool:
    return _number(error) in LOST or isinstance(error, InterfaceError)
