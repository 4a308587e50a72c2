"""An operation held by this host: the lease renewed while it works, the launch token kept fresh, progress told."""

import asyncio
import logging
import time
from typing import Any, TypeVar

from tinstack.compute.errors import LeaseLost, StepFailed
from tinstack.conductor import rpc as conductor
from tinstack.conductor.rpc import Done, Failed, Finished, Outcome, Progress, Renew, Renewed, ServerDetails
from tinstack.core.bus import Bus, Message, RemoteFailure
from tinstack.core.errors import ApiError, Unavailable

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Message)

TOKEN_SECONDS = 240.0
"""A launch token is renewed when it is that old."""

AGAIN_SECONDS = 0.5
LOST = (403, 404, 409)
"""What the conductor answers when the operation is over or another's."""


class Lease:
    """``async with Lease(...)``: what is inside is cancelled when the lease is lost."""

    def __init__(self, bus: Bus, server: ServerDetails, owner: str) -> None:
        self._bus, self._server, self._owner = bus, server, owner
        self.token = server.token
        self._token_at = time.monotonic()
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
        operation = self._server.operation_id
        await self._tell(Progress(operation_id=operation, owner=self._owner, step=step, task_state=task_state), Done)

    async def finished(self, power_state: int, result: dict[str, Any] | None = None) -> None:
        """It is done here. Raises LeaseLost."""
        operation = self._server.operation_id
        message = Finished(operation_id=operation, owner=self._owner, power_state=power_state, result=result or {})
        await self._tell(message, Done)

    async def failed(self, problem: StepFailed) -> bool:
        """It failed here, and nothing of it is left on this host; whether another host is tried. Raises LeaseLost."""
        message = Failed(
            operation_id=self._server.operation_id,
            owner=self._owner,
            step=problem.step,
            reason=problem.text,
            elsewhere=problem.elsewhere,
            refused=problem.refused,
        )
        return (await self._tell(message, Outcome)).retried

    async def _tell(self, message: Message, answer: type[M]) -> M:
        """Until the conductor has answered: whether it heard a message whose answer was lost, nobody else can say."""
        while True:
            try:
                return await self._bus.call(conductor.TOPIC, message, answer)
            except RemoteFailure as error:
                if error.remote_status in LOST:
                    self.lost = True
                    raise LeaseLost(id=self._server.operation_id) from error
                log.warning("the conductor failed with %s: %s", type(message).__name__, error.text)
            except Unavailable as error:
                log.warning("the conductor was not told %s yet: %s", type(message).__name__, error.text)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._server.lease_seconds / 3)
            stale = bool(self.token) and time.monotonic() - self._token_at > TOKEN_SECONDS
            renew = Renew(operation_id=self._server.operation_id, owner=self._owner, fresh_token=stale)
            try:
                token = (await self._bus.call(conductor.TOPIC, renew, Renewed)).token
            except RemoteFailure as error:
                if error.remote_status in LOST:
                    log.warning("operation %s is not ours any more: %s", self._server.operation_id, error.text)
                    self.lost = True
                    if self._worker:
                        self._worker.cancel()
                    return
                log.warning("the lease of %s could not be renewed yet: %s", self._server.operation_id, error.text)
            except ApiError as error:
                log.warning("the lease of %s could not be renewed yet: %s", self._server.operation_id, error.text)
            else:
                if token:
                    self.token, self._token_at = token, time.monotonic()
