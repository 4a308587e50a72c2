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

    def __init__(self, text: str, order: list[str], defaults: dict[str, Any]) -> None:
        self.text, self.order, self.defaults = text, order, defaults

    def bind(self, given: dict[str, Any]) -> list[Any]:
        """The values in the order of the placeholders."""
        merged = {**self.defaults, **given} if given else self.defaults
        return [merged[name] for name in self.order]


def _compile(statement: ClauseElement, dialect: Dialect) -> Any:
    return statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})


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
            made = _compile(self.statement, dialect)
            found = self._compiled[dialect.name] = Compiled(str(made), list(made.positiontup or ()), dict(made.params))
        return found


Statement = Prepared | ClauseElement


def prepared(statement: ClauseElement) -> Prepared:
    """Wrap a statement that runs often; do so at module level."""
    return Prepared(statement)


def compile_for(statement: Statement, dialect: Dialect) -> Compiled:
    """The text of either kind of statement. One that is put together for each question is compiled once per form."""
    if isinstance(statement, Prepared):
        return statement.compiled(dialect)
    form: Any = statement._generate_cache_key()
    if form is None or any(one.expanding and one.value and isinstance(one.value[0], tuple) for one in form.bindparams):
        return _unshared(statement, dialect)
    lengths = tuple(len(one.value) for one in form.bindparams if one.expanding)
    key = (dialect.name, form.key, lengths)
    found = _forms.get(key)
    if found is None:
        if len(_forms) >= FORMS:
            _forms.clear()
        found = _forms[key] = _Form(statement, form.bindparams, dialect)
    return found.of(form.bindparams)


def _unshared(statement: ClauseElement, dialect: Dialect) -> Compiled:
    """Of a statement whose form SQLAlchemy does not tell (VALUES of several rows), or whose values are tuples: compiled each time."""
    made = _compile(statement, dialect)
    return Compiled(str(made), list(made.positiontup or ()), dict(made.construct_params(escape_names=False)))


class _Form:
    """The text of all statements that differ in their values alone: SQLAlchemy's cache key has their parameters in one order.

    What the dialect adds by itself (an OFFSET of 0) is no value of theirs and belongs to the text.
    """

    __slots__ = ("_of_dialect", "_order", "_places", "_text")

    def __init__(self, statement: ClauseElement, parameters: Sequence[Any], dialect: Dialect) -> None:
        made = _compile(statement, dialect)
        self._text, self._order = str(made), list(made.positiontup or ())
        self._places: list[tuple[str, int, int | None]] = []
        self._of_dialect: dict[str, Any] = {}
        numbers = {one.key: number for number, one in enumerate(parameters)}
        for one, name in made.bind_names.items():
            if one.required:
                continue
            number = numbers.get(one.key)
            if number is None:
                self._of_dialect[name] = one.value
            elif one.expanding:
                self._places += [(f"{name}_{place + 1}", number, place) for place in range(len(one.value))]
            else:
                self._places.append((name, number, None))

    def of(self, parameters: Sequence[Any]) -> Compiled:
        """With the values of one statement."""
        values = {
            name: parameters[number].value if place is None else parameters[number].value[place]
            for name, number, place in self._places
        }
        return Compiled(self._text, self._order, {**self._of_dialect, **values})


FORMS = 1000
"""Texts that are kept; a service has some hundred."""

_forms: dict[tuple[Any, ...], _Form] = {}


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

    async def measure(self) -> None:
        """Set the gauges of the pool."""

    async def transact(self, work: Work[T]) -> T:
        """Run ``work`` in a transaction; again after a deadlock or a connection lost before COMMIT."""

    async def all(self, statement: Statement, into: type[S], **parameters: Any) -> list[S]:
        """A single read outside a transaction."""

    async def one(self, statement: Statement, into: type[S], **parameters: Any) -> S | None:
        """The first row of a single read."""

    async def scalar(self, statement: Statement, **parameters: Any) -> Any:
        """The first column of the first row of a single read."""
