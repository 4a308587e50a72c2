"""Servers and their operations: the transactions that api and conductor share. Everything begins and ends here.

- ``create_servers``: step 7 of the flow: instances, boot operations and actions in one transaction, with quota.
- ``begin`` / ``start_operation``: any later operation: a compare-and-swap of the server's states; the loser gets 409.
- ``succeed`` / ``fail``: the end of an operation.

The row's ``generation`` is bumped by each operation that begins: whoever works for an older one is refused.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
from sqlalchemy import bindparam, func, select, update

from tinstack.computedb import actions, instances, quotas
from tinstack.computedb.actions import Action
from tinstack.computedb.kinds import KINDS
from tinstack.computedb.rows import Fault, Instance
from tinstack.computedb.tables import instances as instances_table
from tinstack.computedb.tables import operations as operations_table
from tinstack.core.clock import SECOND, now_us
from tinstack.core.context import request_id_of_task
from tinstack.core.db import Database, Transaction, prepared, to_json
from tinstack.core.errors import ApiError, Conflict, OverQuota
from tinstack.core.operations import RUNNING, Operation, Operations, OperationTaken

T = TypeVar("T")

OPERATIONS = Operations(operations_table)

_GROUP_SIZE = prepared(
    select(func.count())
    .select_from(instances_table)
    .where(instances_table.c.server_group == bindparam("key"), instances_table.c.deleted_at == 0)
)


class WrongState(Conflict):
    """409: the server is not in a state from which that can begin."""

    code = "compute.server.state"
    message = "Cannot '{verb}' instance {id} while it is in {attribute} {state}"


class Busy(WrongState):
    """409: another operation is under way that shows no task state; ``state``: its kind."""

    code = "compute.server.busy"
    message = "Cannot '{verb}' instance {id} while its {other} is under way"


class GroupFull(OverQuota):
    """403: a server group has as many members as allowed."""

    code, message = "compute.quota.group", "Quota exceeded, too many servers in group"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for an operation, and who drives it first.

    ``request_id``: the request's own id (the global one comes from the task). ``user_id``: None where nobody asked.
    ``owner``: ``api@host/process``.
    """

    request_id: str
    user_id: str | None
    project_id: str | None
    owner: str
    lease_seconds: float = 10.0
    deadline_seconds: float = 600.0


class Begun(msgspec.Struct, frozen=True):
    """An operation with the server as it is from now on."""

    server: Instance
    operation: Operation


async def create_servers(
    db: Database,
    servers: Sequence[Instance],
    limits: Mapping[str, int],
    asked: Asked,
    *,
    least: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> list[Begun]:
    """Step 7. All of one request: same project and flavor. ``least``: make fewer, down to that, where quota ends.

    ``limits``: by the API's names (instances, cores, ram, server_group_members); -1 is unlimited. ``data``: kept with each
    boot; ``forced_host`` in it names the one host that may be chosen. Raises TooMuch, GroupFull.
    """
    ids = [str(uuid4()) for _ in servers]

    async def work(tx: Transaction) -> list[Begun]:
        first = servers[0]
        wanted = len(servers)
        count = await quotas.take(
            tx, first.project_id, limits, first.flavor, wanted, wanted if least is None else least
        )
        await _check_group(tx, first.server_group, count, limits.get("server_group_members", -1))
        return [
            await _create(tx, server, id, asked, dict(data or {}))
            for server, id in zip(servers[:count], ids, strict=False)
        ]

    return await committed(db, work, ids[0], lambda: _made(db, servers, ids))


async def _create(tx: Transaction, server: Instance, operation_id: str, asked: Asked, data: dict[str, Any]) -> Begun:
    await instances.add(tx, server)
    operation = await _open(tx, server, "boot", operation_id, asked, data, step=7)
    return Begun(server, operation)


async def _check_group(tx: Transaction, group: str | None, more: int, most: int) -> None:
    if group and most >= 0 and int(await tx.scalar(_GROUP_SIZE, key=group) or 0) + more > most:
        raise GroupFull


async def _made(db: Database, servers: Sequence[Instance], ids: Sequence[str]) -> list[Begun]:
    async def work(tx: Transaction) -> list[Begun]:
        found = [await OPERATIONS.get(tx, id) for id in ids]
        return [Begun(server, one) for server, one in zip(servers, found, strict=True) if one]

    return await db.transact(work)


async def start_operation(
    db: Database,
    server_id: str,
    kind: str,
    asked: Asked,
    *,
    data: dict[str, Any] | None = None,
    vm_states: Collection[str] | None = None,
    task_states: Collection[str | None] | None = None,
    task_state: str | None = None,
    also: Callable[[Transaction, Begun], Awaitable[None]] | None = None,
) -> Begun:
    """``begin`` in a transaction of its own, with what ``also`` writes in it. Raises WrongState, Busy, ServerNotFound."""
    id = str(uuid4())

    async def work(tx: Transaction) -> Begun:
        begun = await begin(
            tx,
            server_id,
            kind,
            asked,
            data=data,
            vm_states=vm_states,
            task_states=task_states,
            task_state=task_state,
            id=id,
        )
        if also:
            await also(tx, begun)
        return begun

    async def look() -> Begun:
        async def work(tx: Transaction) -> Begun:
            operation = await OPERATIONS.get(tx, id)
            assert operation
            return Begun(await instances.find(tx, server_id, deleted=True), operation)

        return await db.transact(work)

    return await committed(db, work, id, look)


async def begin(
    tx: Transaction,
    server_id: str,
    kind: str,
    asked: Asked,
    *,
    data: dict[str, Any] | None = None,
    vm_states: Collection[str] | None = None,
    task_states: Collection[str | None] | None = None,
    task_state: str | None = None,
    id: str | None = None,
) -> Begun:
    """Swap the server's state and open the operation. States not given are those of ``kinds.KINDS``.

    A delete ends whatever else is under way (and takes along images that were being made); a second delete gives the one
    that is. Raises WrongState, Busy, ServerNotFound.
    """
    rules = KINDS[kind]
    server = await instances.locked(tx, server_id)
    running = await OPERATIONS.running(tx, server_id)
    if kind == "delete":
        again = next((one for one in running if one.kind == "delete"), None)
        if again:
            return Begun(server, again)
    else:
        _check(server, rules.verb, rules.vm_states if vm_states is None else vm_states, "vm_state", server.vm_state)
        _check(
            server,
            rules.verb,
            rules.task_states if task_states is None else task_states,
            "task_state",
            server.task_state,
        )
        if running and rules.task_states is not None and None in rules.task_states and len(rules.task_states) == 1:
            other = running[0].kind
            raise Busy(verb=rules.verb, id=server.id, state=other, other=KINDS[other].verb)
    unfinished = [one.data["image_id"] for one in running if one.kind in ("create_image", "create_backup")]
    if unfinished:
        data = {**(data or {}), "unfinished_images": unfinished}
    for one in running:
        await OPERATIONS.end(tx, one.id, {"superseded": kind})
        await actions.finish(tx, one, failed=True)
    server.generation += 1
    server.task_state = task_state or rules.task_state
    await instances.write(tx, server.id, generation=server.generation, task_state=server.task_state)
    operation = await _open(tx, server, kind, id or str(uuid4()), asked, data or {})
    return Begun(server, operation)


def _check(
    server: Instance, verb: str, allowed: Collection[str | None] | None, attribute: str, state: str | None
) -> None:
    if allowed is not None and state not in allowed:
        raise WrongState(verb=verb, id=server.id, attribute=attribute, state=state)


async def _open(
    tx: Transaction, server: Instance, kind: str, id: str, asked: Asked, data: dict[str, Any], step: int = 0
) -> Operation:
    operation = await OPERATIONS.open(
        tx,
        id=id,
        kind=kind,
        subject=server.id,
        project_id=server.project_id,
        request_id=request_id_of_task.get(),
        generation=server.generation,
        owner=asked.owner,
        lease_seconds=asked.lease_seconds,
        deadline_seconds=asked.deadline_seconds,
        step=step,
        data=data,
    )
    now = now_us()
    action = Action(
        request_id=asked.request_id,
        instance_id=server.id,
        operation_id=operation.id,
        action=KINDS[kind].action,
        user_id=asked.user_id,
        project_id=asked.project_id,
        started_at=now,
        updated_at=now,
    )
    await actions.add(tx, action)
    return operation


async def succeed(tx: Transaction, operation: Operation, **changes: Any) -> bool:
    """The operation did what it was for: swap the server's states, end it. False where it was over already.

    The caller has the server's row ``locked`` and compared its generation.
    """
    if not await OPERATIONS.end(tx, operation.id):
        return False
    changes.setdefault("task_state", None)
    await instances.write(tx, operation.subject, **changes)
    await actions.finish(tx, operation)
    return True


async def fail(tx: Transaction, operation: Operation, fault: Fault, **changes: Any) -> bool:
    """The operation failed: note why. ``changes`` decide what becomes of the server. False where it was over already."""
    if not await OPERATIONS.end(tx, operation.id, msgspec.to_builtins(fault)):
        return False
    changes.setdefault("task_state", None)
    await instances.write(tx, operation.subject, fault=fault, **changes)
    await actions.finish(tx, operation, failed=True)
    return True


async def abandon(tx: Transaction, operation: Operation, fault: Fault) -> None:
    """The operation was refused before it did anything: the server is as it was, only the action tells of it."""
    await OPERATIONS.end(tx, operation.id, msgspec.to_builtins(fault))
    await instances.write(tx, operation.subject, task_state=None)
    await actions.finish(tx, operation, failed=True)


async def bury(tx: Transaction, operation: Operation, server: Instance) -> bool:
    """A delete is done: the row stays as a deleted server's, its quota is given back. False where it was over already."""
    now = now_us()
    if not await succeed(tx, operation, vm_state="deleted", power_state=0, terminated_at=now, deleted_at=now):
        return False
    await quotas.give_back(tx, server)
    return True


_HAND_OVER = prepared(
    update(operations_table)
    .where(
        operations_table.c.id == bindparam("key"),
        operations_table.c.state == RUNNING,
        operations_table.c.owner == bindparam("giver"),
    )
    .values(
        owner=bindparam("taker"),
        lease_until=bindparam("until"),
        step=bindparam("reached"),
        attempt=bindparam("tries"),
        data=bindparam("kept"),
        updated_at=bindparam("now"),
    )
)
_RUNNING_ON = prepared(
    select(operations_table)
    .join(instances_table, instances_table.c.id == operations_table.c.subject)
    .where(
        operations_table.c.state == RUNNING,
        instances_table.c.host == bindparam("host"),
        instances_table.c.deleted_at == 0,
    )
)


async def locked(tx: Transaction, operation_id: str) -> tuple[Operation, Instance]:
    """An operation and its server's row, locked before the operation is read: nobody else changes them until this transaction ends.

    Raises OperationTaken where it is over, or where the server is at another one.
    """
    server = await instances.locked_of(tx, operation_id)
    if server is None:
        raise OperationTaken(id=operation_id)
    operation = await OPERATIONS.get(tx, operation_id)
    assert operation
    if operation.state != RUNNING or server.generation != operation.generation:
        raise OperationTaken(id=operation_id)
    return operation, server


async def hand_over(tx: Transaction, operation: Operation, owner: str, lease_seconds: float) -> None:
    """Give the operation, as it stands in memory (step, attempt, data), to ``owner``. Raises OperationTaken.

    The caller read it with its server ``locked``, so that what stands in memory is what there is.
    """
    now = await tx.now()
    until = now + int(lease_seconds * SECOND)
    if not await tx.run(
        _HAND_OVER,
        key=operation.id,
        giver=operation.owner,
        taker=owner,
        until=until,
        reached=operation.step,
        tries=operation.attempt,
        kept=to_json(operation.data),
        now=now,
    ):
        raise OperationTaken(id=operation.id)
    operation.owner, operation.lease_until = owner, until


async def running_on(db: Database, host: str) -> list[Operation]:
    """What is under way for the servers of a host."""
    return await db.all(_RUNNING_ON, Operation, host=host)


async def committed(
    db: Database, work: Callable[[Transaction], Awaitable[T]], id: str, look: Callable[[], Awaitable[T]]
) -> T:
    """Run ``work``; where the answer to COMMIT was lost, look whether operation ``id`` is there, and give what ``look`` finds."""
    try:
        return await db.transact(work)
    except ApiError as error:
        if error.code != "database.commit_unknown":
            raise

        async def there(tx: Transaction) -> bool:
            return await OPERATIONS.get(tx, id) is not None

        if not await db.transact(there):
            raise
    return await look()
