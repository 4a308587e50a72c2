"""An operation held by this host: the lease renewed while it works, the launch token kept fresh, progress told."""

import asyncio
import logging
import time
from typing import Any, TypeVar

from tinstack.compute.errors import LeaseLost, StepFailed, VolumesRefused
from tinstack.conductor import rpc as conductor
from tinstack.conductor.rpc import (
    AskVolumes,
    Done,
    Failed,
    Finished,
    Outcome,
    Progress,
    Renew,
    Renewed,
    ServerDetails,
    VolumesReady,
)
from tinstack.core.bus import Bus, Message, RemoteFailure
from tinstack.core.errors import ApiError, Unavailable

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Message)

TOKEN_SECONDS = 240.0
"""A launch token is renewed when it is that old."""

SHOWN_SECONDS = 0.2
"""A step that is over sooner is not told: nobody could see its task state."""

AGAIN_SECONDS = 0.5
LOST = (403, 404, 409)
"""What the conductor answers when the operation is over or another's."""


class Lease:
    """``async with Lease(...)``: what is inside is cancelled when the lease is lost.

    ``asked_at``: when the operation was asked for, by this process's monotonic clock, from which the lease counts here;
    the conductor's clock began later.
    """

    def __init__(self, bus: Bus, server: ServerDetails, owner: str, asked_at: float) -> None:
        self._bus, self._server, self._owner = bus, server, owner
        self.token = server.token
        self._token_at = time.monotonic()
        self._until = asked_at + server.lease_seconds
        self._renewing: asyncio.Task[None] | None = None
        self._worker: asyncio.Task[object] | None = None
        self._reached: tuple[int, str | None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._finishing = False
        self.lost = False

    async def __aenter__(self) -> "Lease":
        self._worker = asyncio.current_task()
        self._renewing = asyncio.create_task(self._renew())
        return self

    async def __aexit__(self, *_: object) -> None:
        ending = [task for task in (self._renewing, self._telling) if task]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def reached(self, step: int, task_state: str | None) -> None:
        """A step is reached: told in the background if it lasts. A lease that is lost ends the work."""
        self._reached = step, task_state
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell_what_lasts())

    async def still_ours(self, step: int, task_state: str | None) -> None:
        """The same before an effect that no two hosts may have: a lease that may have run out is asked for. Raises LeaseLost."""
        self.reached(step, task_state)
        if time.monotonic() > self._until:
            await self._all_told()

    async def _tell_what_lasts(self) -> None:
        while self._reached:
            await asyncio.sleep(SHOWN_SECONDS)
            reached, self._reached = self._reached, None
            if reached:
                await self._progress(*reached)

    async def _progress(self, step: int, task_state: str | None) -> None:
        operation = self._server.operation_id
        message = Progress(operation_id=operation, owner=self._owner, step=step, task_state=task_state)
        sent_at = time.monotonic()
        try:
            await self._tell(message, Done)
        except LeaseLost as lost:
            if not self._finishing:
                self._end(lost)
        else:
            self._until = sent_at + self._server.lease_seconds

    async def _all_told(self) -> None:
        """What is told in the background has arrived, so that what follows is not overtaken by it."""
        if self._telling:
            await self._telling

    async def volumes_ready(self) -> bool:
        """Whether the volumes that a boot makes are reserved. Raises LeaseLost, VolumesRefused."""
        ask = AskVolumes(operation_id=self._server.operation_id, owner=self._owner)
        try:
            return (await self._bus.call(conductor.TOPIC, ask, VolumesReady)).ready
        except RemoteFailure as error:
            if error.remote_status in LOST:
                self.lost = True
                raise LeaseLost(id=self._server.operation_id) from error
            if error.remote_status != 503:
                raise VolumesRefused(error.text) from error
            log.warning("the volumes are not there yet: %s", error.text)
        except Unavailable as error:
            log.warning("the conductor was not asked for volumes yet: %s", error.text)
        return False

    async def finished(self, power_state: int, result: dict[str, Any] | None = None) -> None:
        """It is done here, whatever of the progress is still on its way. Raises LeaseLost."""
        self._finishing, self._reached = True, None
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
        await self._all_told()
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
            sent_at = time.monotonic()
            try:
                token = (await self._bus.call(conductor.TOPIC, renew, Renewed)).token
            except RemoteFailure as error:
                if error.remote_status in LOST:
                    self._end(error)
                    return
                log.warning("the lease of %s could not be renewed yet: %s", self._server.operation_id, error.text)
            except ApiError as error:
                log.warning("the lease of %s could not be renewed yet: %s", self._server.operation_id, error.text)
            else:
                self._until = sent_at + self._server.lease_seconds
                if token:
                    self.token, self._token_at = token, time.monotonic()

    def _end(self, why: ApiError) -> None:
        """The work is not ours any more."""
        log.warning("operation %s ends here: %s", self._server.operation_id, why.text)
        self.lost = True
        if self._worker:
            self._worker.cancel()
