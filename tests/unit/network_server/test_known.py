"""What is kept in memory is as true as the database: whichever process writes, and whatever becomes of a transaction."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tinstack.core import db
from tinstack.core.config import DatabaseConfig
from tinstack.core.db import Database, Transaction, prepared
from tinstack.network.server import known, store
from tinstack.network.server import tables as t
from tinstack.network.server.known import KnownDatabase, KnownTransaction
from tinstack.network.server.rows import Network, Port

EVERY_PORT = prepared(t.ports.select())


class Counted:
    """A database that counts the reads made of it."""

    def __init__(self, database: Database) -> None:
        self._database, self.reads = database, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def one(self, *given: Any, **more: Any) -> Any:
        self.reads += 1
        return await self._database.one(*given, **more)

    async def all(self, *given: Any, **more: Any) -> Any:
        self.reads += 1
        return await self._database.all(*given, **more)


@pytest.fixture
def counted(database: Database) -> Counted:
    return Counted(database)


@pytest.fixture
def mine(counted: Counted) -> KnownDatabase:
    return KnownDatabase(counted)  # type: ignore[arg-type]


@pytest.fixture
async def others(database: Database, tmp_path: Path) -> AsyncIterator[KnownDatabase]:
    """Another process's."""
    made = db.connect(DatabaseConfig(url=f"sqlite:///{tmp_path}/network.db"))
    await made.open()
    yield KnownDatabase(made)
    await made.close()


@pytest.fixture
def aged(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is kept is too old."""
    monkeypatch.setattr(known, "SECONDS", 0.0)


def _network(name: str) -> Network:
    return Network(id="n1", project_id="p1", name=name, mtu=1450, kind="vxlan", segment=1)


async def _add(database: KnownDatabase, name: str = "old") -> None:
    async def work(tx: KnownTransaction) -> None:
        await store.networks.add(tx, _network(name))

    await database.transact(work)


async def _rename(tx: Transaction, name: str) -> None:
    row = await store.networks.get(tx, "n1")
    assert row
    row.name = name
    await store.networks.save(tx, row, 1)


async def _name(database: KnownDatabase) -> str:
    row = await store.networks.get(await database.known(), "n1")
    assert row
    return row.name


async def test_what_is_known_is_asked_once(mine: KnownDatabase, counted: Counted) -> None:
    await _add(mine)
    assert [await _name(mine) for _ in range(3)] == ["old"] * 3 and counted.reads == 1
    assert await store.networks.get(await mine.known(), "n2") is None
    assert await store.networks.get(await mine.known(), "n2") is None and counted.reads == 2


async def test_the_change_of_another_process_is_seen_by_the_next_request(
    mine: KnownDatabase, others: KnownDatabase
) -> None:
    await _add(mine)
    for name in ("one", "two"):
        assert await _name(mine) != name and await _name(others) != name

        async def work(tx: KnownTransaction, name: str = name) -> None:
            await _rename(tx, name)

        await others.transact(work)
        assert await _name(mine) == name and await _name(others) == name


async def test_what_a_transaction_wrote_is_its_own_until_the_commit(mine: KnownDatabase) -> None:
    await _add(mine)

    async def work(tx: KnownTransaction) -> None:
        seen, _ = await tx.look("")
        assert (await store.networks.get(seen, "n1")).name == "old"  # type: ignore[union-attr]
        await _rename(tx, "new")
        assert (await store.networks.get(seen, "n1")).name == "new"  # type: ignore[union-attr]
        assert (await store.networks.get((await tx.look(""))[0], "n1")).name == "new"  # type: ignore[union-attr]
        assert await _name(mine) == "old"
        raise store.Stale

    with pytest.raises(store.Stale):
        await mine.transact(work)
    assert await _name(mine) == "old"


async def test_writes_of_what_often_changes_leave_what_is_known(mine: KnownDatabase, counted: Counted) -> None:
    await _add(mine)
    await _name(mine)

    async def work(tx: KnownTransaction) -> None:
        await tx.run(store.DROP_ALLOCATIONS, port="x")

    await mine.transact(work)
    await _name(mine)
    assert counted.reads == 1


async def test_what_wrote_past_us_is_seen_in_the_end(
    mine: KnownDatabase, database: Database, aged: None, counted: Counted
) -> None:
    await _add(mine)
    await _name(mine)

    async def work(tx: Transaction) -> None:
        await _rename(tx, "by hand")

    await database.transact(work)
    assert await _name(mine) == "by hand" and counted.reads == 2


async def test_what_often_changes_is_not_kept(mine: KnownDatabase, counted: Counted) -> None:
    for _ in range(2):
        await (await mine.known()).all(EVERY_PORT, Port)
    assert counted.reads == 2
