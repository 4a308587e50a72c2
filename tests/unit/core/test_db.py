"""The thin layer over SQLite, and operations on it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
import sqlalchemy as sa
from asyncmy.errors import DataError
from sqlalchemy.dialects import mysql, sqlite

from tinstack.core.config import DatabaseConfig
from tinstack.core.db import Database, Duplicate, Transaction, connect, mariadb, prepared, values
from tinstack.core.db.interface import compile_for
from tinstack.core.errors import BadRequest
from tinstack.core.operations import Operation, Operations, OperationTaken, operations_table

metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("public", sa.Integer, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("note", sa.Text),
)
operations = Operations(operations_table(metadata))


class Thing(msgspec.Struct):
    id: str
    public: bool
    tags: list[str]
    note: dict[str, int] | None = None


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/test.db"
    metadata.create_all(sa.create_engine(url))
    made = connect(DatabaseConfig(url=url))
    await made.open()
    yield made
    await made.close()


async def add(database: Database, thing: Thing) -> None:
    async def work(tx: Transaction) -> None:
        await tx.run(things.insert().values(**values(thing)))

    await database.transact(work)


async def test_a_row_comes_back_as_it_was(database: Database) -> None:
    thing = Thing(id="a", public=True, tags=["x", "ü"], note={"n": 1})
    await add(database, thing)
    by_id = prepared(sa.select(things).where(things.c.id == sa.bindparam("key")))
    assert await database.one(by_id, Thing, key="a") == thing
    assert await database.one(by_id, Thing, key="b") is None
    assert await database.all(sa.select(things).where(things.c.id.in_(["a", "b", "c"])), Thing) == [thing]


async def test_a_unique_key_decides(database: Database) -> None:
    await add(database, Thing(id="a", public=True, tags=[]))
    with pytest.raises(Duplicate):
        await add(database, Thing(id="a", public=False, tags=[]))


async def test_what_fails_in_the_middle_leaves_nothing(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        await tx.run(things.insert().values(**values(Thing(id="a", public=True, tags=[]))))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.transact(work)
    assert await database.scalar(sa.select(sa.func.count()).select_from(things)) == 0


async def begin(database: Database, lease: float = 10.0) -> Operation:
    async def work(tx: Transaction) -> Operation:
        return await operations.open(
            tx,
            kind="boot",
            subject="server",
            project_id="p",
            request_id="req-1",
            generation=1,
            owner="api@c/1",
            lease_seconds=lease,
            deadline_seconds=60,
        )

    return await database.transact(work)


async def test_only_one_of_two_takes_an_operation_from_its_giver(database: Database) -> None:
    operation = await begin(database)

    async def take(owner: str) -> str:
        taken = await database.transact(lambda tx: operations.take(tx, operation.id, 1, owner, "api@", 10))
        return taken.owner

    outcomes = await asyncio.gather(take("scheduler@c/1"), take("scheduler@c/2"), return_exceptions=True)
    assert outcomes[0] == "scheduler@c/1"
    assert isinstance(outcomes[1], OperationTaken)


async def test_an_operation_whose_lease_is_over_may_be_taken_by_anyone(database: Database) -> None:
    operation = await begin(database, lease=-1)
    assert [one.id for one in await database.transact(lambda tx: operations.overdue(tx))] == [operation.id]
    taken = await database.transact(lambda tx: operations.take(tx, operation.id, 1, "conductor@c/1", "nobody@", 10))
    assert taken.owner == "conductor@c/1"


async def test_an_operation_of_another_generation_is_not_taken(database: Database) -> None:
    operation = await begin(database, lease=-1)
    with pytest.raises(OperationTaken):
        await database.transact(lambda tx: operations.take(tx, operation.id, 2, "scheduler@c/1", "api@", 10))


async def test_an_operation_ends_once_and_is_not_renewed_after(database: Database) -> None:
    operation = await begin(database)
    assert await database.transact(lambda tx: operations.end(tx, operation.id, {"message": "no"}))
    assert not await database.transact(lambda tx: operations.end(tx, operation.id))
    with pytest.raises(OperationTaken):
        await database.transact(lambda tx: operations.renew(tx, operation.id, "api@c/1", 5))


def test_statements_of_one_form_share_a_text_and_keep_their_values():
    dialect = sqlite.dialect(paramstyle="qmark")

    def one(notes: list[str], least: int, limit: int) -> tuple[str, list[object]]:
        some = sa.or_(things.c.note.in_(notes), things.c.id == "x")
        query = sa.select(things).where(some, things.c.public > least).limit(limit).offset(9)
        compiled = compile_for(query, dialect)
        return compiled.text, compiled.bind({})

    first, values = one(["a", "b"], 1, 5)
    assert values == ["a", "b", "x", 1, 5, 9]
    assert one(["c", "d"], 2, 7) == (first, ["c", "d", "x", 2, 7, 9])
    other, values = one(["c"], 2, 7)
    assert other != first and values == ["c", "x", 2, 7, 9]


async def test_what_mariadb_has_no_room_for_is_the_callers_fault() -> None:
    class Cursor:
        async def execute(self, sql: str, arguments: object) -> None:
            raise DataError(1406, "Data too long for column 'name' at row 1")

    raw = SimpleNamespace(cursor=Cursor)
    connection = mariadb._Connection(raw, mysql.dialect(), mariadb._Clock(), transacting=True, name="x")
    with pytest.raises(BadRequest, match="too long or too large"):
        await connection.execute("INSERT", ())
    assert connection.usable


def test_rows_of_several_values_and_tuples_are_bound_too() -> None:
    dialect = sqlite.dialect(paramstyle="qmark")
    columns = [things.c.id, things.c.note]
    rows = [{"id": "a", "note": "x"}, {"id": "b", "note": "y"}]
    several = compile_for(sa.insert(things).values(rows), dialect)
    assert several.bind({}) == ["a", "x", "b", "y"]
    pairs = compile_for(sa.select(*columns).where(sa.tuple_(*columns).in_([("a", "x"), ("b", "y")])), dialect)
    assert pairs.text.count("?") == 4 and pairs.bind({}) == ["a", "x", "b", "y"]


async def test_the_databases_clock_is_counted_on_from_a_prompt_answer_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, moment, asked = mariadb._Clock(), [100.0], []
    monkeypatch.setattr(mariadb.time, "monotonic", lambda: moment[0])

    async def answer(seconds: float) -> int:
        said = 5_000_000 + int(moment[0] * 1_000_000)
        asked.append(said)
        moment[0] += seconds
        return said

    assert await clock.now(lambda: answer(3.0)) == 105_000_000  # three seconds old when it came
    assert await clock.now(lambda: answer(0.002)) == 108_000_000
    moment[0] += 0.5
    assert await clock.now(lambda: answer(0.002)) == 108_500_000
    assert len(asked) == 2
    moment[0] += 0.5
    await clock.now(lambda: answer(0.002))
    assert len(asked) == 3
