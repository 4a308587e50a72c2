"""An operation held by this host: the lease renewed while it works, the launch token kept fresh, progress told."""

import asyncio
import logging

from tinstack.conductor import rpc as conductor
from tinstack.conductor.rpc import Done, Failed, Finished, Progress, Renew, Renewed, ServerDetails
from tinstack.core.bus import Bus, RemoteFailure
from tinstack.core.errors import ApiError

log = logging.getLogger(__name__)


class LeaseLost(ApiError):
    """The conductor gave the operation to another owner, or it is over: stop, and leave the rest to them."""

    code = "compute.lease_lost"
    message = "The operation {id} is not this host's any more."


class Lease:
    """``async with Lease(...)``: what is inside is cancelled when the lease is lost."""

    def __init__(self, bus: Bus, server: ServerDetails, owner: str) -> None:
        self._bus, self._server, self._owner = bus, server, owner
        self.token = server.token
        self._renewing: asyncio.Task[None] | None = None
        self._worker: asyncio.Task[object] | None = None
        self.lost = False

    async def __aenter__(self) -> "Lease":
        self._worker = asyncio.current_task()
        self._renewing = asyncio.create_task(self._renew())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._renewing:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)

    async def progress(self, step: int, task_state: str | None) -> None:
        """A step is reached. Raises LeaseLost."""
        message = Progress(operation_id=self._server.operation_id, owner=self._owner, step=step, task_state=task_state)
        await self._tell(message)

    async def finished(self, power_state: int, result: dict[str, object] | None = None) -> None:
        """It is done here."""
        operation = self._server.operation_id
        await self._tell(Finished(operation_id=operation, owner=self._owner, power_state=power_state, result=result or {}))

    async def failed(self, step: int, reason: str, *, elsewhere: bool) -> None:
        """It failed here; nothing of it is left on this host."""
        operation = self._server.operation_id
        await self._tell(Failed(operation_id=operation, owner=self._owner, step=step, reason=reason, elsewhere=elsewhere))

    async def _tell(self, message: Progress | Finished | Failed) -> None:
        try:
            await self._bus.call(conductor.TOPIC, message, Done)
        except RemoteFailure as error:
            if error.remote_status in (403, 404, 409):
                self.lost = True
                raise LeaseLost(id=self._server.operation_id) from error
            raise

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._server.lease_seconds / 3)
            try:
                renew = Renew(operation_id=self._server.operation_id, owner=self._owner)
                self.token = (await self._bus.call(conductor.TOPIC, renew, Renewed)).token
            except RemoteFailure as error:
                if error.remote_status in (403, 404, 409):
                    log.warning("operation %s is not ours any more: %s", self._server.operation_id, error.text)
                    self.lost = True
                    if self._worker:
                        self._worker.cancel()
                    return
            except ApiError as error:
                log.warning("the lease of %s could not be renewed yet: %s", self._server.operation_id, error.text)
