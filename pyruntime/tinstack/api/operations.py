"""Operations on servers that are there: who asks, locks, and telling the host to look. No HTTP bodies, no SQL."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from tinstack.api.errors import ServerLocked
from tinstack.api.parts import Compute
from tinstack.compute import rpc as compute_rpc
from tinstack.computedb import actions, instances, store
from tinstack.computedb.actions import Action
from tinstack.computedb.kinds import KINDS
from tinstack.computedb.rows import Fault, Instance
from tinstack.computedb.store import OPERATIONS, Asked, Begun, WrongState
from tinstack.conductor import rpc as conductor
from tinstack.core import crash
from tinstack.core.client import may_have_been_done
from tinstack.core.clock import now_us
from tinstack.core.db import Transaction
from tinstack.core.errors import ApiError, Unavailable
from tinstack.core.http import Request
from tinstack.core.operations import RUNNING, Operation

log = logging.getLogger(__name__)

UNSEEN = {kind for kind, rules in KINDS.items() if rules.task_state is None}
"""Kinds of operation that a client can't see, so that he can't wait for their end: who comes meanwhile waits here."""

BUSY_SECONDS, OUTCOME_SECONDS, LOOK_SECONDS = 30.0, 60.0, 0.05


class StillUnderWay(Unavailable):
    """503: the host has not answered yet; it goes on."""

    code = "compute.operation.under_way"
    message = "The operation {kind} of instance {id} is still under way; its instance actions tell what becomes of it."


def asked_by(compute: Compute, request: Request, deadline_seconds: float) -> Asked:
    """This request, driven by this process until another takes over."""
    return Asked(
        request_id=request.request_id,
        user_id=request.user_id,
        project_id=request.project_id,
        owner=compute.owner,
        lease_seconds=compute.config.owner_lease_seconds,
        deadline_seconds=deadline_seconds,
    )


def check_unlocked(request: Request, row: Instance) -> None:
    """Raises ServerLocked, 409, unless it is admin who asks."""
    if row.locked_by is not None and not request.context.is_admin:
        raise ServerLocked(id=row.id)


async def operate(
    compute: Compute,
    request: Request,
    row: Instance,
    kind: str,
    *,
    data: dict[str, Any] | None = None,
    vm_states: Collection[str] | None = None,
    also: Callable[[Transaction, Begun], Awaitable[None]] | None = None,
    prepare: Callable[[Begun], Awaitable[None]] | None = None,
    undo: Callable[[Transaction, Instance], Awaitable[None]] | None = None,
    even_locked: bool = False,
) -> Begun:
    """Swap the state and open the operation, then tell its host (or, where it has none, the conductor).

    ``also``: what is written in the same transaction. ``prepare``: what is asked of other services while the lease is still
    ours; a refusal ends the operation, with ``undo`` in the transaction of that. What is under way without showing
    a task state is waited for.
    Raises WrongState and ServerLocked (409), ServerNotFound. Where nobody can be told, the lease runs out and the
    conductor goes on.
    """
    if not even_locked:
        check_unlocked(request, row)
    asked = asked_by(compute, request, compute.config.action_deadline_seconds)
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            with crash.around(kind):
                begun = await store.start_operation(
                    compute.db, row.id, kind, asked, data=data, vm_states=vm_states, also=also
                )
            break
        except WrongState as error:
            if error.values["state"] not in UNSEEN or time.monotonic() > end:
                raise
        await asyncio.sleep(LOOK_SECONDS)
    if prepare:
        await _prepared(compute, begun, prepare, undo)
    compute.background.start(_tell(compute, begun), f"telling of {kind} of server {row.id}")
    return begun


async def _prepared(
    compute: Compute,
    begun: Begun,
    prepare: Callable[[Begun], Awaitable[None]],
    undo: Callable[[Transaction, Instance], Awaitable[None]] | None,
) -> None:
    """A refusal ends the operation, unless another owner has it by now: he meets the same refusal, and undoes it.

    Where it is not known whether it was done, the operation goes on, as it would if this process had died here.
    """
    try:
        await prepare(begun)
    except ApiError as error:
        if may_have_been_done(error):
            log.warning("%s of server %s goes on all the same: %s", begun.operation.kind, begun.server.id, error.text)
            return
        fault = Fault(code=error.status, message=error.text, created=now_us())

        async def work(tx: Transaction) -> None:
            server = await instances.locked(tx, begun.server.id)
            operation = await OPERATIONS.get(tx, begun.operation.id)
            if operation is None or operation.owner != begun.operation.owner or operation.state != RUNNING:
                return
            await store.abandon(tx, operation, fault)
            if undo:
                await undo(tx, server)

        await compute.db.transact(work)
        raise


def check_state(row: Instance, kind: str) -> None:
    """Whether it could begin now, so that a request is not looked at further in vain. Raises WrongState."""
    rules = KINDS[kind]
    if rules.vm_states is not None and row.vm_state not in rules.vm_states:
        raise WrongState(verb=rules.verb, id=row.id, attribute="vm_state", state=row.vm_state)
    if rules.task_states is not None and row.task_state not in rules.task_states:
        raise WrongState(verb=rules.verb, id=row.id, attribute="task_state", state=row.task_state)


async def outcome(compute: Compute, begun: Begun) -> Operation:
    """The operation once it is over. Raises StillUnderWay."""
    id, end = begun.operation.id, time.monotonic() + OUTCOME_SECONDS

    async def look(tx: Transaction) -> Operation | None:
        return await OPERATIONS.get(tx, id)

    while time.monotonic() < end:
        operation = await compute.db.transact(look)
        if operation and operation.state != RUNNING:
            return operation
        await asyncio.sleep(LOOK_SECONDS)
    raise StillUnderWay(kind=begun.operation.kind, id=begun.server.id)


async def _tell(compute: Compute, begun: Begun) -> None:
    server, operation = begun.server, begun.operation
    if server.host is None:
        drive = conductor.Drive(operation_id=operation.id, generation=operation.generation)
        await compute.bus.cast(conductor.TOPIC, drive)
        return
    look = compute_rpc.Look(server_id=server.id, operation_id=operation.id, generation=operation.generation)
    await compute.bus.cast(compute_rpc.topic(server.host), look)


async def note(compute: Compute, request: Request, row: Instance, action: str) -> None:
    """An action that is over as soon as it is asked."""
    now = now_us()

    async def work(tx: Transaction) -> None:
        await actions.add(tx, _action(request, row, action, now))

    await compute.db.transact(work)


def _action(request: Request, row: Instance, action: str, now: int) -> Action:
    return Action(
        request_id=request.request_id,
        instance_id=row.id,
        action=action,
        user_id=request.user_id,
        project_id=request.project_id,
        started_at=now,
        updated_at=now,
        finished_at=now,
    )


async def reset_state(compute: Compute, request: Request, row: Instance, state: str) -> None:
    """Say what state a server is in, and end what is under way for it: whoever works for it is refused from now on.

    An image that was being made of it is deleted.
    """
    unfinished: list[str] = []

    async def work(tx: Transaction) -> None:
        server = await instances.locked(tx, row.id)
        unfinished.clear()
        for operation in await OPERATIONS.running(tx, server.id):
            if operation.kind in ("create_image", "create_backup"):
                unfinished.append(operation.data["image_id"])
            await OPERATIONS.end(tx, operation.id, {"superseded": "resetState"})
            await actions.finish(tx, operation, failed=True)
        await instances.write(tx, server.id, vm_state=state, task_state=None, generation=server.generation + 1)
        await actions.add(tx, _action(request, row, "resetState", now_us()))

    await compute.db.transact(work)
    for id in unfinished:
        await compute.session.request("DELETE", "image", f"/v2/images/{id}", ok=(403, 404))
