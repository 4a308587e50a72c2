"""What became of guests by themselves, as their hosts see them: halted, died, lost, paused; and those whose host went down."""

import logging
from collections.abc import Collection, Iterable
from functools import partial
from typing import Any
from uuid import uuid4

from tinstack.compute import rpc as compute
from tinstack.computedb import actions, instances, store
from tinstack.computedb.actions import Action
from tinstack.computedb.kinds import CRASHED_POWER, NO_POWER, SHUTDOWN_POWER
from tinstack.computedb.rows import Fault, Instance
from tinstack.computedb.store import OPERATIONS, Asked
from tinstack.conductor.parts import Parts
from tinstack.conductor.rpc import DIED, HOST_WENT_DOWN, LOST, HostReport, ObservedServer
from tinstack.core.clock import SECOND, now_us
from tinstack.core.db import Transaction
from tinstack.core.operations import Operation

log = logging.getLogger(__name__)

SETTLED = 30 * SECOND
OFF = {SHUTDOWN_POWER, CRASHED_POWER}
UP = {"active", "paused"}
"""The states in which a guest is meant to be there and not off."""
KEPT = UP | {"suspended", "stopped", "rescued"}
"""The states in which a host has something of a server."""

AGAIN = "start_again"
"""The operation that brings a guest back whose host went down under it."""
AGAIN_SECONDS = 600.0

WORDS = {
    "": "The guest powered itself off.",
    DIED: "The guest's hypervisor process on host {host} ended unexpectedly: the guest is off.",
    LOST: "The hypervisor of host {host} does not know the guest any more: it is off. Its disks are there; it can be started.",
}
"""Why a guest is off, for the action that tells of it."""
GONE = "The guest and its disks are not on host {host} any more."


class Power:
    """Brings servers' rows to what hosts see.

    What a host saw before the last operation began does not count: it names the generation that it worked for last.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def sync(self, message: HostReport, before: Collection[str]) -> bool:
        """``before``: the guests of the host's last report. False where something must be looked at again."""
        await self._note_strangers(message, before)
        seen = {one.id: one for one in message.servers}
        on_host = await instances.on_host(self._parts.db, message.host)
        settled = not await self._tell_of_gone(message.host, seen.keys() - {server.id for server in on_host})
        for server in on_host:
            observed = seen.get(server.id)
            if observed is None:
                settled = await self._missing(server) and settled
            elif observed.cause == HOST_WENT_DOWN and server.vm_state in UP:
                await self._start_again(server, observed)
                settled = False
            elif observed.power_state == server.power_state:
                continue
            elif _is_current(server, observed):
                await self._parts.db.transact(partial(_swap, observed))
            else:
                settled = False
        return settled

    async def _note_strangers(self, message: HostReport, before: Collection[str]) -> None:
        """Guests that the host newly says it has, and that are another host's: what it says of them does not count."""
        new = {one.id for one in message.servers} - set(before)
        places = await instances.hosts_of(self._parts.db, new) if new else {}
        for id, host in places.items():
            if host not in (None, message.host):
                log.warning(
                    "host '%s' reports server %s, which is on '%s': that does not count", message.host, id, host
                )

    async def _tell_of_gone(self, host: str, strange: Iterable[str]) -> bool:
        """Whether there are guests of servers that are deleted: their host is told, until it has none."""
        told = False
        for id in strange:
            server = await instances.get(self._parts.db, id, deleted=True)
            if server is not None and server.deleted_at:
                told = True
                await self._parts.bus.cast(compute.topic(host), compute.Gone(server_id=id))
        return told

    async def _missing(self, server: Instance) -> bool:
        """The host has neither guest nor disks of it: ERROR. False where that is too early to say."""
        if server.vm_state not in KEPT or server.task_state is not None:
            return True
        if now_us() - server.updated_at <= SETTLED:
            return False

        async def work(tx: Transaction) -> None:
            row = await instances.locked(tx, server.id)
            if row.updated_at != server.updated_at or await OPERATIONS.running(tx, row.id):
                return
            words = GONE.format(host=row.host)
            log.error("server %s: %s", row.id, words)
            fault = Fault(code=500, message=words, created=now_us(), host=row.host)
            await instances.write(tx, row.id, vm_state="error", power_state=NO_POWER, fault=fault)
            await _tell(tx, row, words)

        await self._parts.db.transact(work)
        return True

    async def _start_again(self, server: Instance, observed: ObservedServer) -> None:
        """The host went down and is up again: the guest runs as before, unless something else is under way for it."""

        async def work(tx: Transaction) -> Operation | None:
            row = await instances.locked(tx, server.id)
            if not _is_current(row, observed) or row.vm_state not in UP or await OPERATIONS.running(tx, row.id):
                return None
            asked = Asked(
                request_id=f"req-{uuid4()}",
                user_id=None,
                project_id=None,
                owner=self._parts.owner,
                lease_seconds=self._parts.config.own_lease_seconds,
                deadline_seconds=AGAIN_SECONDS,
            )
            return (await store.begin(tx, row.id, AGAIN, asked)).operation

        operation = await self._parts.db.transact(work)
        if operation and server.host:
            log.info("server %s is started again: its host %s was down", server.id, server.host)
            await self._parts.look(server.host, operation)


async def _swap(observed: ObservedServer, tx: Transaction) -> None:
    server = await instances.locked(tx, observed.id)
    if not _is_current(server, observed) or await OPERATIONS.running(tx, server.id):
        return
    changes: dict[str, Any] = {"power_state": observed.power_state}
    if server.vm_state in UP and observed.power_state in OFF:
        changes["vm_state"] = "stopped"
        words = WORDS.get(observed.cause, WORDS[""]).format(host=server.host)
        log.info("server %s: %s", server.id, words)
        await _tell(tx, server, words)
    await instances.write(tx, server.id, **changes)


async def _tell(tx: Transaction, server: Instance, words: str) -> None:
    """An action that nobody asked for, so that the owner finds out why."""
    now = now_us()
    action = Action(
        request_id=f"req-{uuid4()}",
        instance_id=server.id,
        action="stop",
        started_at=now,
        updated_at=now,
        finished_at=now,
        message=words,
    )
    await actions.add(tx, action)


def _is_current(server: Instance, observed: ObservedServer) -> bool:
    """Whether the host saw it after all that was done to it. A host that has just started does not know: it waits a while."""
    if observed.generation:
        return observed.generation == server.generation
    return now_us() - server.updated_at > SETTLED
