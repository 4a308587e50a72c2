"""How operations end: what success means for each kind, and what is undone, retried or shown as a fault after a failure.

The conductor drives two things itself, under a lease like anybody else: the undoing of a failed boot once the host has
nothing of it any more, and the rest of a delete once the host is done (or where there never was a host).
"""

import asyncio
import logging
from typing import Any

from tinstack.computedb import instances, store
from tinstack.computedb.kinds import KINDS, NO_POWER, RUNNING_POWER
from tinstack.computedb.rows import Fault, Instance, Interface
from tinstack.computedb.store import OPERATIONS
from tinstack.conductor import images, interfaces, volumes
from tinstack.conductor.claims import Fence, unfenced
from tinstack.conductor.faults import fault_of, note
from tinstack.conductor.interfaces import ATTACH, CLEARED, DETACH, UNDO, note_refusal
from tinstack.conductor.network_info import NetworkInfo
from tinstack.conductor.parts import Parts, held_by_host, only_controllers, only_host
from tinstack.conductor.remote import Remote
from tinstack.conductor.rpc import Done, Drive, Failed, Finished, Outcome
from tinstack.core import crash
from tinstack.core.bus import Envelope, set_aside
from tinstack.core.clock import now_us
from tinstack.core.context import request_id_of_task
from tinstack.core.db import Transaction
from tinstack.core.operations import RUNNING, Operation, OperationTaken
from tinstack.core.trace import STEPS
from tinstack.scheduler import rpc as scheduler

log = logging.getLogger(__name__)

AGAIN, SHOWN = "again", "shown"
"""Keys of ``UNDO``: another host is to be tried; the server shows its fault already, as the deadline is over."""

_REST = {
    ATTACH: (interfaces.clear, interfaces.forget),
    DETACH: (interfaces.clear, interfaces.forget),
    volumes.ATTACH: (volumes.clear, volumes.forget),
    volumes.DETACH: (volumes.clear, volumes.forget),
    images.CREATE: (images.clear, images.forget),
    images.BACKUP: (images.clear, images.forget),
}
"""Kinds whose rest is the conductor's: what it clears at other services, then what it writes into the server's row."""

_CLEARED_BY_HOST = {"delete", DETACH, volumes.DETACH, images.BACKUP}
"""Kinds that are not over when the host is done."""

_UNDONE = {ATTACH, volumes.ATTACH, volumes.DETACH, images.CREATE, images.BACKUP}
"""Kinds of which something is left to clear when they fail."""


_TELLING = ("delete", "rebuild", "reboot_hard", "rescue", "start_again", "unrescue")
"""Kinds whose failure leaves a server in ERROR."""


class Endings:
    """Finishes, fails and undoes."""

    def __init__(self, parts: Parts, remote: Remote, network_info: NetworkInfo) -> None:
        self._parts, self._remote, self._network_info = parts, remote, network_info
        self._driven: set[tuple[str, int]] = set()

    # --- what hosts say ------------------------------------------------------------------------

    async def finished(self, message: Finished, envelope: Envelope) -> Done:
        """Step 29 for a boot: the host is done. Raises OperationTaken."""
        held_by_host(message.owner, envelope)
        found: list[Interface] | None = None
        kind, before = await self._booted(message)
        if before:
            await set_aside()
            found = await self._network_info.of(before)

        async def work(tx: Transaction) -> Operation:
            operation, server = await _held(tx, message.operation_id, message.owner)
            newer = before is None or found is None or server.network_info != before.network_info
            network_info = {} if newer else {"network_info": found}
            only_host(envelope, server.host)
            if operation.kind in _CLEARED_BY_HOST:
                operation.data[CLEARED] = True
                await store.hand_over(tx, operation, self._parts.owner, self._parts.config.own_lease_seconds)
            else:
                await store.succeed(tx, operation, **network_info, **_after(operation, server, message))
            return operation

        with crash.around(29 if kind == "boot" else kind):
            operation = await self._parts.db.transact(work)
        self._parts.over.note(operation)
        if CLEARED in operation.data:
            self._parts.background.start(self.drive(operation), f"{operation.kind} of {operation.subject}")
        return Done()

    async def failed(self, message: Failed, envelope: Envelope) -> Outcome:
        """The host has nothing of a failed boot any more, or is where it was before. Raises OperationTaken."""
        held_by_host(message.owner, envelope)

        async def work(tx: Transaction) -> tuple[Operation, bool]:
            operation, server = await _held(tx, message.operation_id, message.owner)
            only_host(envelope, server.host)
            if operation.kind in _UNDONE:
                note_refusal(operation, message.reason, message.refused)
                await store.hand_over(tx, operation, self._parts.owner, self._parts.config.own_lease_seconds)
                return operation, False
            if operation.kind != "boot":
                await self._fail(tx, operation, server, message)
                return operation, False
            again = message.elsewhere and self._may_try_again(operation)
            self.note_failure(operation, message.step, server.host, message.reason, again=again)
            await store.hand_over(tx, operation, self._parts.owner, self._parts.config.own_lease_seconds)
            return operation, again

        with crash.around("failed"):
            operation, again = await self._parts.db.transact(work)
        self._parts.over.note(operation)
        if UNDO in operation.data:
            self._parts.background.start(self.drive(operation), f"undoing the {operation.kind} of {operation.subject}")
        return Outcome(retried=again)

    async def take_over(self, message: Drive, envelope: Envelope) -> None:
        """An operation of a server without a host."""
        only_controllers(envelope)

        async def work(tx: Transaction) -> Operation | None:
            operation = await OPERATIONS.get(tx, message.operation_id)
            if operation is None or operation.generation != message.generation:
                return None
            server = await instances.get(tx, operation.subject)
            if server is None or server.host is not None:
                return None
            return await OPERATIONS.take(
                tx,
                operation.id,
                message.generation,
                self._parts.owner,
                "api@",
                self._parts.config.own_lease_seconds,
            )

        operation = await self._parts.db.transact(work)
        if operation:
            self._parts.background.start(self.drive(operation), f"{operation.kind} of {operation.subject}")

    async def _booted(self, message: Finished) -> tuple[str, Instance | None]:
        """What is done, looked at before anything is locked: the operation's kind, and the server where it has ports that its row
        does not show yet."""
        operation = await OPERATIONS.get(self._parts.db, message.operation_id)
        if operation is None or operation.owner != message.owner:
            raise OperationTaken(id=message.operation_id)
        if operation.kind not in ("boot", ATTACH):
            return operation.kind, None
        server = await instances.get(self._parts.db, operation.subject)
        if operation.kind == "boot" and server and server.ports:
            shown = {one.port_id for one in server.network_info}
            return operation.kind, None if shown.issuperset(port.id for port in server.ports) else server
        return operation.kind, server

    # --- what the conductor drives -------------------------------------------------------------

    async def drive(self, operation: Operation) -> None:
        """Go on with an operation that this process holds, once at a time: a service that is slow does not cost it the lease."""
        turn = operation.id, operation.attempt
        if turn in self._driven:
            return
        self._driven.add(turn)
        holding = asyncio.create_task(self._parts.hold(operation))
        try:
            await self._drive(operation)
        finally:
            holding.cancel()
            self._driven.discard(turn)

    async def _drive(self, operation: Operation) -> None:
        request_id_of_task.set(operation.request_id)
        server = await instances.get(self._parts.db, operation.subject)
        if server is None:
            await self._parts.db.transact(lambda tx: OPERATIONS.end(tx, operation.id))
        elif operation.kind == "delete":
            await self._delete(operation, server)
        elif operation.kind in _REST:
            await self._end(operation, server)
        elif UNDO in operation.data:
            await self._undo(operation, server)

    async def _delete(self, operation: Operation, server: Instance) -> None:
        """The host (if any) has nothing of it any more: clear the rest, then forget it."""
        await self._remote.clear(server, unfenced, gone=True)
        for id in operation.data.get("unfinished_images", []):
            await self._remote.clear_image(id)

        async def work(tx: Transaction) -> None:
            held, row = await _held(tx, operation.id, self._parts.owner)
            await store.bury(tx, held, row)

        with crash.around("bury"):
            await self._parts.db.transact(work)
        self._parts.over.note_server(server.id)

    async def _end(self, operation: Operation, server: Instance) -> None:
        """The host is done, or could not do it: clear what is left elsewhere, then say so."""
        clear, forget = _REST[operation.kind]
        with crash.around("clear-rest"):
            await clear(self._remote, operation, server, self._fence(operation))

        async def work(tx: Transaction) -> None:
            held, row = await _held(tx, operation.id, self._parts.owner)
            await forget(tx, held, row)

        with crash.around("forget-rest"):
            await self._parts.db.transact(work)

    async def _undo(self, operation: Operation, server: Instance) -> None:
        """Everything of a failed boot is brought to absent; then another host, or ERROR."""
        await self._remote.clear(server, self._fence(operation), gone=False)
        if operation.data[UNDO].get(AGAIN):
            await self._try_again(operation)
            return
        await self._remote.clear_made(server)

        async def work(tx: Transaction) -> None:
            held, row = await _held(tx, operation.id, self._parts.owner)
            fault = fault_of(held)
            changes = {"host": None, "node": None, "network_info": [], "volumes": volumes.left(row)}
            await store.fail(tx, held, fault, vm_state="error", power_state=NO_POWER, **changes)
            log.info("server %s: %s", row.id, fault.message)

        await self._parts.db.transact(work)

    async def _try_again(self, operation: Operation) -> None:
        async def work(tx: Transaction) -> Operation:
            held, row = await _held(tx, operation.id, self._parts.owner)
            held.data.pop(UNDO)
            held.attempt += 1
            held.step = 7
            await store.hand_over(tx, held, self._parts.owner, self._parts.config.own_lease_seconds)
            changes = {"ports": interfaces.anew(row), "volumes": volumes.anew(row), "network_info": []}
            await instances.write(tx, row.id, host=None, node=None, task_state="scheduling", **changes)
            return held

        await self.schedule(await self._parts.db.transact(work))

    def _fence(self, operation: Operation) -> Fence:
        """Raises OperationTaken once another conductor goes on with it, or this one with its next attempt."""

        async def work(tx: Transaction) -> None:
            held = await OPERATIONS.get(tx, operation.id)
            if (
                not held
                or held.state != RUNNING
                or (held.owner, held.attempt) != (self._parts.owner, operation.attempt)
            ):
                raise OperationTaken(id=operation.id)

        async def fence() -> None:
            await self._parts.db.transact(work)

        return fence

    async def schedule(self, operation: Operation) -> None:
        """Hand a boot to the scheduler; it takes the lease from us."""
        select = scheduler.SelectHost(
            server_id=operation.subject, operation_id=operation.id, generation=operation.generation
        )
        await self._parts.bus.cast(scheduler.TOPIC, select)

    # --- failures ------------------------------------------------------------------------------

    def note_failure(self, operation: Operation, step: int, host: str | None, reason: str, *, again: bool) -> None:
        """Write into the operation that it failed there, and whether another host is to be tried."""
        note(operation, step, host, reason)
        operation.data[UNDO] = {AGAIN: again}

    async def give_up(
        self, operation: Operation, step: int, host: str | None, reason: str, *, attempts: int = 0
    ) -> None:
        """A boot of which no host has anything can't go on: undo it, and try another host while there are ``attempts`` left.

        Raises OperationTaken where it is not as ``operation`` says any more.
        """

        async def work(tx: Transaction) -> Operation:
            held, _ = await _held(tx, operation.id, operation.owner)
            self.note_failure(held, step, host, reason, again=held.attempt < attempts)
            await store.hand_over(tx, held, self._parts.owner, self._parts.config.own_lease_seconds)
            return held

        held = await self._parts.db.transact(work)
        self._parts.background.start(self.drive(held), f"undoing the boot of {held.subject}")

    async def refuse(self, operation: Operation, reason: str, status: int) -> None:
        """An operation that the host has not begun can't be: undo it. Raises OperationTaken."""

        async def work(tx: Transaction) -> Operation:
            held, _ = await _held(tx, operation.id, operation.owner)
            note_refusal(held, reason, status)
            await store.hand_over(tx, held, self._parts.owner, self._parts.config.own_lease_seconds)
            return held

        held = await self._parts.db.transact(work)
        self._parts.background.start(self.drive(held), f"undoing the {held.kind} of {held.subject}")

    def _may_try_again(self, operation: Operation) -> bool:
        """Whether there is a host that the scheduler named beside this one, and tries are left."""
        return operation.attempt < self._parts.config.max_attempts and bool(operation.data.get("alternates"))

    async def _fail(self, tx: Transaction, operation: Operation, server: Instance, message: Failed) -> None:
        verb = KINDS[operation.kind].verb
        fault = Fault(
            code=500,
            message=f"The operation {verb} failed on host {server.host}: {message.reason}",
            created=now_us(),
            host=server.host,
            details=message.reason,
        )
        changes = {"vm_state": "error"} if operation.kind in _TELLING else {}
        await store.fail(tx, operation, fault, **changes)

    async def show(self, operation: Operation) -> None:
        """The undo of a failed boot outlasts the deadline (a service is away): ERROR now, while the undo goes on."""

        async def work(tx: Transaction) -> None:
            held, row = await _held(tx, operation.id, operation.owner)
            held.data[UNDO] = {SHOWN: True}
            await store.hand_over(tx, held, held.owner, self._parts.config.own_lease_seconds)
            await instances.write(tx, row.id, vm_state="error", task_state=None, fault=fault_of(held))

        await self._parts.db.transact(work)

    async def expire(self, operation: Operation, server: Instance) -> None:
        """Past its deadline: ERROR. The claim, ports and attachments stay with the server, as its host may still use them.

        What could not be attached is undone (by the next owner), a port that could not be detached stays.
        """

        async def work(tx: Transaction) -> None:
            row = await instances.locked(tx, server.id)
            held = await OPERATIONS.get(tx, operation.id)
            if held is None or row.generation != held.generation:
                return
            verb = KINDS[held.kind].verb
            where = f" on host {row.host}" if row.host else ""
            at = f" It had reached step {held.step} ({STEPS[held.step]})." if held.step in STEPS else ""
            words = f"The operation {verb} was not done by its deadline{where}.{at}"
            fault = Fault(code=500, message=words, created=now_us(), step=held.step or None, host=row.host)
            if held.kind in _UNDONE:
                note_refusal(held, words, fault.code)
                await store.hand_over(tx, held, self._parts.owner, self._parts.config.own_lease_seconds)
            elif held.kind == DETACH:
                await store.fail(tx, held, fault)
            else:
                await store.fail(tx, held, fault, vm_state="error")

        await self._parts.db.transact(work)
        self._parts.over.note(operation)


async def _held(tx: Transaction, id: str, owner: str) -> tuple[Operation, Instance]:
    """The operation and its server's row, locked. Raises OperationTaken."""
    operation, server = await store.locked(tx, id)
    if operation.owner != owner:
        raise OperationTaken(id=id)
    return operation, server


def _after(operation: Operation, server: Instance, message: Finished) -> dict[str, Any]:
    """The server's columns once the operation is done."""
    changes: dict[str, Any] = {"power_state": message.power_state}
    done = KINDS[operation.kind].done
    if operation.kind == "rebuild":
        done = "active" if message.power_state == RUNNING_POWER else "stopped"
    if done:
        changes |= {"vm_state": done, "fault": None}
    if operation.kind == "boot":
        changes["launched_at"] = now_us()
    return changes
