"""The reconciler: an operation whose lease ran out goes to its next owner; what nobody stands behind is swept away."""

import logging

from tinstack.computedb import heartbeats, instances, store
from tinstack.computedb.rows import Instance
from tinstack.computedb.store import OPERATIONS
from tinstack.conductor.endings import SHOWN, Endings
from tinstack.conductor.interfaces import CLEARED, UNDO
from tinstack.conductor.launches import TAKEN_BY_HOST
from tinstack.conductor.network_info import NetworkInfo
from tinstack.conductor.parts import Parts
from tinstack.conductor.remote import Remote
from tinstack.conductor.sweep import Sweep
from tinstack.core.context import request_id_of_task
from tinstack.core.db import Transaction
from tinstack.core.errors import ApiError
from tinstack.core.operations import Operation, OperationTaken
from tinstack.core.periodic import Periodic

log = logging.getLogger(__name__)


class Reconciler:
    """Looks again and again; several conductors may, a compare-and-swap decides between them."""

    def __init__(self, parts: Parts, remote: Remote, endings: Endings, network_info: NetworkInfo) -> None:
        self._parts, self._endings = parts, endings
        config = parts.config
        self._works = [
            Periodic("overdue operations", config.reconcile_seconds, self.overdue, delay=config.reconcile_seconds),
            Periodic(
                "what is left of servers", config.sweep_seconds, Sweep(parts, remote).look, delay=config.sweep_seconds
            ),
            Periodic("addresses", config.network_seconds, network_info.refresh_all, delay=config.network_seconds),
        ]

    def start(self) -> None:
        """Begin."""
        for work in self._works:
            work.start()

    async def stop(self) -> None:
        """End."""
        for work in self._works:
            await work.stop()

    async def overdue(self) -> None:
        """Every operation that nobody drives, or that is past its deadline."""
        for operation in await self._parts.db.transact(OPERATIONS.overdue):
            try:
                await self._one(operation)
            except OperationTaken:
                continue
            except ApiError as error:
                log.warning("%s of server %s waits: %s", operation.kind, operation.subject, error.text)
            except Exception:
                log.exception("%s of server %s can't be gone on with", operation.kind, operation.subject)

    async def _one(self, operation: Operation) -> None:
        request_id_of_task.set(operation.request_id)
        server = await instances.get(self._parts.db, operation.subject)
        if server is None or server.generation != operation.generation:
            await self._parts.db.transact(lambda tx: OPERATIONS.end(tx, operation.id, {"superseded": "another"}))
            self._parts.over.note(operation)
            return
        now = await self._now()
        if operation.deadline < now and not _goes_on(operation):
            await self._end(operation, server)
            return
        if operation.lease_until >= now:
            return
        log.info("%s of server %s has no owner any more (last: %s)", operation.kind, server.id, operation.owner)

        async def take(tx: Transaction) -> Operation:
            held, _ = await store.locked(tx, operation.id)
            if held.owner != operation.owner or held.lease_until >= await tx.now():
                raise OperationTaken(id=operation.id)
            await store.hand_over(tx, held, self._parts.owner, self._parts.config.own_lease_seconds)
            return held

        await self._next(await self._parts.db.transact(take), server)

    async def _end(self, operation: Operation, server: Instance) -> None:
        """The deadline is over: whoever waits for the server sees its end now."""
        log.warning("%s of server %s is past its deadline", operation.kind, operation.subject)
        if UNDO in operation.data:
            await self._endings.show(operation)
        elif operation.kind == "boot" and server.host is None:
            await self._endings.give_up(operation, operation.step, None, "The boot was not done by its deadline.")
        else:
            await self._endings.expire(operation, server)

    async def _now(self) -> int:
        return await self._parts.db.transact(lambda tx: tx.now())

    async def _next(self, operation: Operation, server: Instance) -> None:
        """Who goes on: the conductor with what hosts are done with, the scheduler where there is no host, else the host."""
        if UNDO in operation.data or CLEARED in operation.data or (operation.kind == "delete" and server.host is None):
            self._parts.background.start(self._endings.drive(operation), f"{operation.kind} of {server.id}")
        elif server.host is None:
            await self._endings.schedule(operation)
        elif operation.kind == "boot" and operation.step < TAKEN_BY_HOST and not await self._is_up(server.host):
            attempts = self._parts.config.max_attempts
            await self._endings.give_up(operation, 12, server.host, "The host is down.", attempts=attempts)
        else:
            await self._parts.look(server.host, operation)

    async def _is_up(self, host: str) -> bool:
        service = await heartbeats.compute_service(self._parts.db, host)
        return bool(service and service.is_up(await self._now(), self._parts.awake.patience()))


def _goes_on(operation: Operation) -> bool:
    """Whether it goes on after its deadline, as nobody waits for it any more: the client sees its end already (or nothing of it)."""
    if operation.kind == "boot":
        return SHOWN in operation.data.get(UNDO, {})
    return UNDO in operation.data or (operation.kind != "delete" and CLEARED in operation.data)
