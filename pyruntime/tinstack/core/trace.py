"""The boot trace: one event per step of the flow, cast in batches to the topic ``trace``, kept by the conductor.

Losing the bus loses no boot, at worst trace lines. No event is written for what did not happen.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from tinstack.core import crash
from tinstack.core.bus import Bus, Message
from tinstack.core.clock import now_us
from tinstack.core.context import request_id_of_task
from tinstack.core.errors import ApiError
from tinstack.core.metrics.families import STEP_SECONDS, STEPS_TAKEN

log = logging.getLogger(__name__)

STEPS = {
    1: "authenticate",
    2: "issue token",
    3: "create request",
    4: "validate token",
    5: "roles returned",
    6: "validate request",
    7: "record the instance",
    8: "ask for a host",
    9: "take the request",
    10: "filter and weigh",
    11: "claim",
    12: "launch",
    13: "take the launch",
    14: "ask for the instance",
    15: "take the query",
    16: "read",
    17: "rows come back",
    18: "instance details",
    19: "fetch the image",
    20: "token checked by image",
    21: "image metadata",
    22: "allocate the network",
    23: "token checked by network",
    24: "network info",
    25: "attach volumes",
    26: "token checked by volume",
    27: "connection info",
    28: "render and start",
    29: "active",
}
"""The 29 steps of docs/architecture.md by number."""

OK, CACHED, NONE, FAILED, RETRIED = "ok", "cached", "none", "failed", "retried"

FLUSH_SECONDS = 0.2
"""How long events are gathered into one batch."""

KEEP = 5_000


class TraceEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One step of one boot. ``start`` in microseconds since the epoch, ``duration`` in microseconds.

    Steps 1 and 2 know no server: they carry the token's ``audit_id``, which the api's step 3 repeats.
    """

    step: int
    request_id: str
    service: str
    host: str
    start: int
    duration: int
    outcome: str
    message: str = ""
    server_id: str | None = None
    audit_id: str | None = None


class TraceEvents(Message):
    """A batch."""

    events: list[TraceEvent]


class Step:
    """A step under way; set ``outcome`` or ``message`` when it is not simply ``ok``."""

    __slots__ = ("message", "outcome")

    def __init__(self) -> None:
        self.outcome, self.message = OK, ""


class Tracer:
    """Gathers the events of one process."""

    def __init__(self, bus: Bus, service: str, host: str) -> None:
        self._bus, self._service, self._host = bus, service, host
        self._waiting: list[TraceEvent] = []
        self._some = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send. A process with nothing to tell never wakes up for it."""
        self._sending = asyncio.create_task(self._send(), name="trace")

    async def stop(self) -> None:
        """Send what waits, and stop."""
        if self._sending:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        await self.flush()

    async def _send(self) -> None:
        while True:
            await self._some.wait()
            await asyncio.sleep(FLUSH_SECONDS)
            self._some.clear()
            await self.flush()

    def record(
        self,
        step: int,
        *,
        start: int,
        duration: int,
        outcome: str = OK,
        message: str = "",
        server_id: str | None = None,
        audit_id: str | None = None,
    ) -> None:
        """Note a step that is over. Times in microseconds."""
        number, name = str(step), STEPS[step]
        STEPS_TAKEN.add(number, name, outcome)
        STEP_SECONDS.observe(duration / 1e6, number, name)
        if len(self._waiting) >= KEEP:
            return
        self._some.set()
        self._waiting.append(
            TraceEvent(
                step=step,
                request_id=request_id_of_task.get(),
                service=self._service,
                host=self._host,
                start=start,
                duration=duration,
                outcome=outcome,
                message=message,
                server_id=server_id,
                audit_id=audit_id,
            )
        )

    @contextmanager
    def step(self, number: int, server_id: str) -> Iterator[Step]:
        """Time what is done inside, between its crash points; an exception makes the step ``failed`` with its sentence, and goes on."""
        state, start, began = Step(), now_us(), time.perf_counter()
        try:
            with crash.around(number):
                yield state
        except BaseException as error:
            state.outcome = FAILED
            state.message = error.text if isinstance(error, ApiError) else f"{type(error).__name__}: {error}"
            raise
        finally:
            duration = int((time.perf_counter() - began) * 1e6)
            self.record(
                number,
                start=start,
                duration=duration,
                outcome=state.outcome,
                message=state.message,
                server_id=server_id,
            )

    async def flush(self) -> None:
        """Send what waits; when the bus is away it waits on, up to a bound."""
        if not self._waiting:
            return
        batch, self._waiting = self._waiting, []
        try:
            await self._bus.cast("trace", TraceEvents(events=batch))
        except ApiError as error:
            self._waiting = [*batch, *self._waiting][:KEEP]
            self._some.set()
            log.warning("the trace waits: %s", error.text)
