"""What a host asks while it works for a server: everything about it (steps 14–18), more time, and progress."""

import asyncio
import time
from typing import Any

from tinstack.computedb import instances, store
from tinstack.computedb.kinds import KINDS
from tinstack.computedb.rows import Instance
from tinstack.computedb.store import OPERATIONS
from tinstack.conductor import volumes
from tinstack.conductor.config import Config
from tinstack.conductor.endings import Endings
from tinstack.conductor.interfaces import CLEARED, UNDO
from tinstack.conductor.parts import Parts, held_by_host, only_host
from tinstack.conductor.remote import Remote
from tinstack.conductor.rpc import AskServer, AskVolumes, Done, Progress, Renew, Renewed, ServerDetails, VolumesReady
from tinstack.core import crash
from tinstack.core.bus import Envelope, set_aside
from tinstack.core.client import RemoteError, may_have_been_done
from tinstack.core.clock import now_us
from tinstack.core.db import Transaction
from tinstack.core.errors import ApiError, Unavailable
from tinstack.core.guestdata import fqdn
from tinstack.core.operations import RUNNING, Operation, OperationTaken

ASIDE_SECONDS = 1.0
"""A question that waits for others for longer is set aside; until then it comes again should this process die."""

TAKEN_BY_HOST = 14
"""From this step on a host may have something of the server."""

BLOCK_DEVICES = 25


class Launches:
    """Answers hosts."""

    def __init__(self, parts: Parts, remote: Remote, endings: Endings) -> None:
        self._parts, self._remote, self._endings = parts, remote, endings

    async def ask(self, message: AskServer, envelope: Envelope) -> ServerDetails:
        """Give the host the operation and all that it needs. Raises Refused, OperationTaken."""
        held_by_host(message.owner, envelope)
        steps = _Steps()

        async def work(tx: Transaction) -> tuple[Operation, Instance]:
            operation, server = await store.locked(tx, message.operation_id)
            only_host(envelope, server.host)
            if (operation.subject, operation.generation) != (message.server_id, message.generation):
                raise OperationTaken(id=message.operation_id)
            if UNDO in operation.data or CLEARED in operation.data:
                raise OperationTaken(id=message.operation_id)
            operation.step = max(operation.step, TAKEN_BY_HOST)
            await store.hand_over(tx, operation, message.owner, self._parts.config.host_lease_seconds)
            return operation, server

        steps.reached(15)
        operation, server = await self._parts.db.transact(work)
        self._parts.note_launch(server.id, envelope.host)
        steps.reached(16)
        details = _details(operation, server, self._parts.config)
        steps.reached(17)
        slow = asyncio.get_running_loop().call_later(
            ASIDE_SECONDS, lambda: self._parts.background.start(set_aside(), f"setting aside {operation.id}")
        )
        try:
            await self._reserve(operation, server)
            if KINDS[operation.kind].token:
                details.token = await self._parts.tokens.get(operation, server, envelope.host)
                details.endpoints = await self._remote.endpoints()
        finally:
            slow.cancel()
        steps.reached(18)
        if operation.kind == "boot":
            for step, start, duration in steps.times:
                self._parts.tracer.record(step, start=start, duration=duration, server_id=server.id)
        return details

    async def renew(self, message: Renew, envelope: Envelope) -> Renewed:
        """Hold it longer. Raises OperationTaken."""
        held_by_host(message.owner, envelope)

        async def work(tx: Transaction) -> tuple[Operation, Instance]:
            await OPERATIONS.renew(tx, message.operation_id, message.owner, self._parts.config.host_lease_seconds)
            operation = await OPERATIONS.get(tx, message.operation_id)
            assert operation
            return operation, await instances.find(tx, operation.subject)

        operation, server = await self._parts.db.transact(work)
        only_host(envelope, server.host)
        if not (message.fresh_token and KINDS[operation.kind].token):
            return Renewed()
        await set_aside()
        return Renewed(token=await self._parts.tokens.get(operation, server, envelope.host))

    async def progress(self, message: Progress, envelope: Envelope) -> Done:
        """Swap the task state in. Raises OperationTaken."""
        held_by_host(message.owner, envelope)

        async def work(tx: Transaction) -> None:
            operation, server = await store.locked(tx, message.operation_id)
            if operation.owner != message.owner:
                raise OperationTaken(id=message.operation_id)
            only_host(envelope, server.host)
            await OPERATIONS.reach(tx, operation, message.step, self._parts.config.host_lease_seconds)
            if server.task_state != message.task_state:
                await instances.write(tx, server.id, task_state=message.task_state)

        await self._parts.db.transact(work)
        return Done()

    async def volumes(self, message: AskVolumes, envelope: Envelope) -> VolumesReady:
        """Step 25: those that the boot makes. Raises OperationTaken, VolumeFailed, RemoteError."""
        held_by_host(message.owner, envelope)

        async def work(tx: Transaction) -> tuple[Operation, Instance]:
            operation = await OPERATIONS.get(tx, message.operation_id)
            if operation is None or operation.owner != message.owner or operation.state != RUNNING:
                raise OperationTaken(id=message.operation_id)
            return operation, await instances.find(tx, operation.subject)

        operation, server = await self._parts.db.transact(work)
        only_host(envelope, server.host)
        wanted = volumes.made(operation, server)
        await set_aside()
        try:
            ready = await self._remote.make(server, wanted)
            await self._remote.reserve(server, ready)
        except RemoteError as error:
            if error.remote_status >= 500:
                raise Unavailable(error.text) from error
            raise
        return VolumesReady(ready=len(ready) == len(wanted))

    async def _reserve(self, operation: Operation, server: Instance) -> None:
        """A volume that can't be had ends the operation: no other host could have it. Raises OperationTaken then.

        Those that the boot makes are begun now, so that they are made while the host fetches its image.
        """
        try:
            await self._remote.reserve(server, volumes.wanted(operation, server))
            await self._remote.make(server, volumes.made(operation, server))
        except ApiError as error:
            if may_have_been_done(error):
                raise
            if operation.kind == "boot":
                await self._endings.give_up(operation, BLOCK_DEVICES, None, error.text)
            else:
                status = error.remote_status if isinstance(error, RemoteError) else error.status
                await self._endings.refuse(operation, error.text, status)
            raise OperationTaken(id=operation.id) from error


class _Steps:
    """The times between the steps of one question."""

    def __init__(self) -> None:
        self.times: list[tuple[int, int, int]] = []
        self._start, self._began = now_us(), time.perf_counter()
        crash.point("before-15")

    def reached(self, step: int) -> None:
        crash.point(f"after-{step}")
        now = time.perf_counter()
        self.times.append((step, self._start, int((now - self._began) * 1e6)))
        self._start, self._began = now_us(), now
        crash.point(f"before-{step + 1}")


def _details(operation: Operation, server: Instance, config: Config) -> ServerDetails:
    data: dict[str, Any] = {
        key: value for key, value in operation.data.items() if key not in ("failures", "tried", "alternates")
    }
    return ServerDetails(
        operation_id=operation.id,
        kind=operation.kind,
        generation=operation.generation,
        data=data,
        id=server.id,
        instance_name=server.instance_name,
        name=server.name,
        hostname=fqdn(server.hostname, config.dhcp_domain),
        project_id=server.project_id,
        user_id=server.user_id,
        flavor=server.flavor,
        image_id=server.image_id,
        key_name=server.key_name,
        public_key=server.public_key,
        user_data=server.user_data,
        config_drive=server.config_drive,
        admin_password=server.admin_password,
        metadata=server.metadata,
        availability_zone=server.availability_zone,
        ports=server.ports,
        volumes=server.volumes,
        token="",
        endpoints={},
        lease_seconds=config.host_lease_seconds,
        attempt=operation.attempt,
        vm_state=server.vm_state,
        launch_index=server.launch_index,
        reservation_id=server.reservation_id,
        security_groups=list(server.security_groups),
        image_properties=server.image_properties,
    )
