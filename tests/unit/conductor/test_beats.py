"""Heartbeats of many hosts in one statement."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tinstack.computedb import fleet, heartbeats
from tinstack.computedb.tables import metadata
from tinstack.conductor.beats import TICK_SECONDS, Awake, Beats
from tinstack.core import db as databases
from tinstack.core.config import DatabaseConfig
from tinstack.core.db import Database


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/compute.db"
    engine = sa.create_engine(url)
    metadata.create_all(engine)
    engine.dispose()
    database = databases.connect(DatabaseConfig(url=url))
    await database.open()
    yield database
    await database.close()


async def seen(db: Database) -> dict[str, int]:
    return {service.host: service.seen_at for service in await fleet.all_services(db)}


async def test_many_hosts_are_written_at_once(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "MANY", 4)
    hosts = [f"h{number}" for number in range(11)]
    beats = Beats(db, 60.0)
    for host in hosts:
        await beats.heard(host, 1)
    before = await seen(db)
    await beats._write([*hosts, "h0"])
    after = await seen(db)
    assert all(after[host] > before[host] for host in hosts)


async def test_a_service_that_was_removed_comes_back_by_its_heartbeat(db: Database) -> None:
    beats = Beats(db, 60.0)
    for host in ("a", "b"):
        await beats.heard(host, 1)
    gone = next(service for service in await fleet.all_services(db) if service.host == "a")
    await fleet.remove(db, gone)
    await beats._write(["a", "b"])
    assert set(await seen(db)) == {"a", "b"}


async def test_an_agent_that_was_started_anew_is_written_at_once(db: Database) -> None:
    beats = Beats(db, 60.0)
    await beats.heard("a", 1)
    await beats.heard("a", 2)
    (service,) = await fleet.all_services(db)
    assert service.started_at == 2


def test_who_stood_still_does_not_take_hosts_for_silent() -> None:
    now = [100.0]
    awake = Awake(5.0, lambda: now[0])
    for _ in range(10):
        now[0] += TICK_SECONDS
        assert awake.patience() == 5.0
    now[0] += 4.0
    assert awake.patience() == 9.0
    now[0] += 1.0
    assert awake.patience() == 9.0
    for _ in range(5):
        now[0] += TICK_SECONDS
        last = awake.patience()
    assert last == 5.0
