"""What services see of a database, and what both dialects share: compiling, binding, rows to Structs."""

import types
import typing
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.expression import ClauseElement

S = TypeVar("S")
T = TypeVar("T")

PLAIN = {int, str, bytes, float, type(None)}

_encode = msgspec.json.Encoder().encode


class Duplicate(Exception):
    """An insert or update met a unique key."""


def to_json(value: Any) -> str:
    """JSON text for a column."""
    return _encode(value).decode()


def from_json(text: str | bytes) -> Any:
    """JSON text of a column as plain Python."""
    return msgspec.json.decode(text)


def values(row: msgspec.Struct) -> dict[str, Any]:
    """The columns of a Struct: booleans as 0 and 1, dicts, lists and Structs as JSON text."""
    found: dict[str, Any] = {}
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if isinstance(value, bool):
            value = int(value)
        elif not isinstance(value, int | str | bytes | float | None):
            value = to_json(value)
        found[name] = value
    return found


class Compiled:
    """A statement's text for one dialect, the order of its parameters, and the values it carries itself."""

    __slots__ = ("defaults", "order", "text")

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self.text = str(compiled)
        self.order: list[str] = list(compiled.positiontup or ())
        self.defaults: dict[str, Any] = dict(compiled.params)

    def bind(self, given: dict[str, Any]) -> list[Any]:
        """The values in the order of the placeholders."""
        merged = {**self.defaults, **given} if given else self.defaults
        return [merged[name] for name in self.order]


class Prepared:
    """A statement that is compiled once per dialect. Its parameters are named ``bindparam``s."""

    __slots__ = ("_compiled", "statement")

    def __init__(self, statement: ClauseElement) -> None:
        self.statement = statement
        self._compiled: dict[str, Compiled] = {}

    def compiled(self, dialect: Dialect) -> Compiled:
        """The text for that dialect."""
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = Compiled(self.statement, dialect)
        return found


Statement = Prepared | ClauseElement


def prepared(statement: ClauseElement) -> Prepared:
    """Wrap a statement that runs often; do so at module level."""
    return Prepared(statement)


def compile_for(statement: Statement, dialect: Dialect) -> Compiled:
    """The text of either kind of statement."""
    return statement.compiled(dialect) if isinstance(statement, Prepared) else Compiled(statement, dialect)


def _reader(kind: Any) -> Callable[[Any], Any] | None:
    """How a column's value becomes a field of type ``kind``; None where it is one already."""
    parts = (
        set(typing.get_args(kind))
        if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union
        else {kind}
    )
    if parts <= PLAIN:
        return None
    if parts <= PLAIN | {bool}:
        return lambda value: None if value is None else bool(value)
    if all(isinstance(part, type) and issubclass(part, str) for part in parts - {type(None)}):
        return lambda value: None if value is None else msgspec.convert(value, kind)
    decode = msgspec.json.Decoder(kind).decode
    return lambda value: None if value is None else decode(value)


_readers: dict[tuple[type, tuple[str, ...]], list[tuple[str, Callable[[Any], Any] | None]]] = {}


def rows_into(into: type[S], names: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> list[S]:
    """Rows as Structs of type ``into``; column names are field names."""
    plan = _readers.get((into, names))
    if plan is None:
        hints = typing.get_type_hints(into)
        plan = _readers[into, names] = [(name, _reader(hints[name])) for name in names]
    if all(read is None for _, read in plan):
        return [into(**dict(zip(names, row, strict=True))) for row in rows]
    return [
        into(**{name: value if read is None else read(value) for (name, read), value in zip(plan, row, strict=True)})
        for row in rows
    ]


class Transaction(Protocol):
    """One open transaction."""

    async def all(self, statement: Statement, into: type[S], **parameters: Any) -> list[S]:
        """All rows as Structs."""

    async def one(self, statement: Statement, into: type[S], **parameters: Any) -> S | None:
        """The first row as a Struct, or None."""

    async def scalar(self, statement: Statement, **parameters: Any) -> Any:
        """The first column of the first row, or None."""

    async def run(self, statement: Statement, **parameters: Any) -> int:
        """Insert, update or delete; how many rows it matched. Raises Duplicate."""

    async def run_many(self, statement: Statement, rows: Sequence[dict[str, Any]]) -> None:
        """The same for each of ``rows``. Raises Duplicate."""

    async def now(self) -> int:
        """The database's clock in microseconds: what leases and deadlines are measured by."""


Work = Callable[[Transaction], Awaitable[T]]


class Database(Protocol):
    """A pool of connections to one database."""

    dialect: Dialect

    async def open(self) -> None:
        """Connect; raises Unavailable when the server can't be reached."""

    async def close(self) -> None:
        """Close all connections."""

    async def transact(self, work: Work[T]) -> T:
        """Run ``work`` in a transaction; again after a deadlock or a connection lost before COMMIT."""

    async def all(self, statement: Statement, into: type[S], **parameters: Any) -> list[S]:
        """A single read outside a transaction."""

    async def one(self, statement: Statement, into: type[S], **parameters: Any) -> S | None:
        """The first row of a single read."""

    async def scalar(self, statement: Statement, **parameters: Any) -> Any:
        """The first column of the first row of a single read."""
