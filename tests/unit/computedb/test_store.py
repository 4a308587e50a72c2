"""Servers and operations: quotas, states, ends."""

import asyncio
from collections.abc import Callable

import pytest

from tinstack.computedb import actions, instances, quota_limits, store
from tinstack.computedb.quotas import TooMuch
from tinstack.computedb.rows import Fault, Instance
from tinstack.computedb.store import OPERATIONS, Asked, WrongState
from tinstack.core.db import Database, Transaction

Make = Callable[..., Instance]
LIMITS = {"instances": 10, "cores": 20, "ram": -1}


async def made(db: Database, make: Make, asked: Asked, **changes: object) -> Instance:
    """A server whose boot is over."""
    begun = (await store.create_servers(db, [make()], LIMITS, asked))[0]

    async def work(tx: Transaction) -> None:
        await instances.locked(tx, begun.server.id)
        await store.succeed(tx, begun.operation, **{"vm_state": "active", **changes})

    await db.transact(work)
    return await instances.find(db, begun.server.id)


async def test_quota_is_sold_to_the_last_and_not_beyond(db: Database, make: Make, asked: Asked) -> None:
    results = await asyncio.gather(
        *(store.create_servers(db, [make()], LIMITS, asked) for _ in range(15)), return_exceptions=True
    )
    refused = [one for one in results if isinstance(one, BaseException)]
    assert len(refused) == 5 and all(isinstance(one, TooMuch) for one in refused)
    usage = await quota_limits.usage(db, "p")
    assert (usage.instances, usage.cores, usage.ram_mib) == (10, 20, 1280)


async def test_fewer_servers_where_quota_ends(db: Database, make: Make, asked: Asked) -> None:
    begun = await store.create_servers(db, [make() for _ in range(15)], LIMITS, asked, least=2)
    assert len(begun) == 10
    with pytest.raises(TooMuch) as refused:
        await store.create_servers(db, [make(), make()], LIMITS, asked, least=1)
    assert refused.value.text == (
        "Quota exceeded for instances, cores: Requested 1, 2, but already used 10, 20 of 10, 20 instances, cores"
    )


async def test_of_two_that_begin_one_wins(db: Database, make: Make, asked: Asked) -> None:
    server = await made(db, make, asked)
    results = await asyncio.gather(
        *(store.start_operation(db, server.id, "stop", asked) for _ in range(5)), return_exceptions=True
    )
    lost = [one for one in results if isinstance(one, BaseException)]
    assert len(lost) == 4 and all(isinstance(one, WrongState) for one in lost)
    row = await instances.find(db, server.id)
    assert (row.task_state, row.generation) == ("powering-off", server.generation + 1)


async def test_a_wrong_state_is_named(db: Database, make: Make, asked: Asked) -> None:
    begun = (await store.create_servers(db, [make()], LIMITS, asked))[0]
    with pytest.raises(WrongState) as refused:
        await store.start_operation(db, begun.server.id, "pause", asked)
    assert refused.value.text == f"Cannot 'pause' instance {begun.server.id} while it is in vm_state building"
    assert refused.value.status == 409


async def test_a_delete_ends_what_is_under_way_and_is_begun_once(db: Database, make: Make, asked: Asked) -> None:
    begun = (await store.create_servers(db, [make()], LIMITS, asked))[0]
    first = await store.start_operation(db, begun.server.id, "delete", asked)
    again = await store.start_operation(db, begun.server.id, "delete", asked)
    assert first.operation.id == again.operation.id

    async def work(tx: Transaction) -> list[str]:
        return [one.id for one in await OPERATIONS.running(tx, begun.server.id)]

    assert await db.transact(work) == [first.operation.id]


async def test_a_deleted_server_gives_its_quota_back(db: Database, make: Make, asked: Asked) -> None:
    server = await made(db, make, asked)
    begun = await store.start_operation(db, server.id, "delete", asked)

    async def work(tx: Transaction) -> bool:
        return await store.bury(tx, begun.operation, await instances.locked(tx, server.id))

    assert await db.transact(work)
    assert (await quota_limits.usage(db, "p")).instances == 0
    assert await instances.get(db, server.id) is None
    gone = await instances.find(db, server.id, deleted=True)
    assert gone.vm_state == "deleted" and gone.deleted_at


async def test_a_failure_is_noted_with_the_action(db: Database, make: Make, asked: Asked) -> None:
    begun = (await store.create_servers(db, [make()], LIMITS, asked))[0]

    async def work(tx: Transaction) -> bool:
        await instances.locked(tx, begun.server.id)
        return await store.fail(tx, begun.operation, Fault(code=500, message="why", created=1), vm_state="error")

    assert await db.transact(work)
    assert not await db.transact(work)
    row = await instances.find(db, begun.server.id)
    assert row.fault and row.fault.message == "why" and row.task_state is None
    action = (await actions.of_server(db, row.id))[0]
    assert action.message == "Error" and action.finished_at
