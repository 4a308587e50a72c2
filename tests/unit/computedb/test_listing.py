"""Lists of servers, page by page."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinstack.computedb import instances
from tinstack.computedb.instances import Listing
from tinstack.computedb.rows import Instance
from tinstack.core.db import Database, Transaction

Make = Callable[..., Instance]


async def add(db: Database, *servers: Instance) -> None:
    async def work(tx: Transaction) -> None:
        for server in servers:
            await instances.add(tx, server)

    await db.transact(work)


@pytest.fixture
async def many(db: Database, make: Make) -> list[Instance]:
    states = (None, "deleting", "powering-off")
    servers = [
        make(
            id=f"{n:02d}",
            name=f"s{n % 3}",
            created_at=n % 4,
            task_state=states[n % 3],
            host="h" if n % 2 else None,
            project_id="p" if n % 5 else "q",
            deleted_at=0 if n % 7 else 9,
            launched_at=n if n % 2 else None,
        )
        for n in range(30)
    ]
    await add(db, *servers)
    return servers


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    sort=st.lists(
        st.tuples(st.sampled_from(["name", "task_state", "created_at", "host", "launched_at"]), st.booleans()),
        max_size=3,
        unique_by=lambda pair: pair[0],
    ),
    size=st.integers(1, 31),
)
async def test_pages_give_every_server_once(
    db: Database, many: list[Instance], sort: list[tuple[str, bool]], size: int
) -> None:
    whole = await instances.page(db, Listing(deleted=None, sort=tuple(sort)))
    assert sorted(row.id for row in whole) == [row.id for row in many]
    found: list[Instance] = []
    while True:
        after = found[-1] if found else None
        page = await instances.page(db, Listing(deleted=None, sort=tuple(sort), after=after, limit=size))
        found += page
        if len(page) < size:
            break
    assert [row.id for row in found] == [row.id for row in whole]


async def test_filters(db: Database, many: list[Instance]) -> None:
    alive = [row for row in many if not row.deleted_at]
    assert len(await instances.page(db, Listing())) == len(alive)
    mine = await instances.page(db, Listing(project_id="q"))
    assert {row.project_id for row in mine} == {"q"}
    hostless = await instances.page(db, Listing(exact={"host": None}))
    assert len(hostless) == len([row for row in alive if row.host is None])
    named = await instances.page(db, Listing(among={"name": ["s0", "s2", "other"]}))
    assert {row.name for row in named} == {"s0", "s2"}
    assert await instances.page(db, Listing(among={"name": []})) == []
    ids = [row.id for row in alive] + [f"x{n}" for n in range(2000)]
    assert len(await instances.page(db, Listing(among={"id": ids}))) == len(alive)
    picked = await instances.page(db, Listing(accept=lambda row: row.id > "20", limit=3))
    assert len(picked) == 3 and all(row.id > "20" for row in picked)
