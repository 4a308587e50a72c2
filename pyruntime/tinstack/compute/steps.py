"""The steps of one boot on this host: timed for the trace, each with the chance of a rehearsed fault."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tinstack.compute.errors import LeaseLost, failed
from tinstack.conductor.rpc import ServerDetails
from tinstack.core import crash, trace
from tinstack.core.clock import now_us
from tinstack.core.trace import Step, Tracer

Rehearse = Callable[[str, ServerDetails], Awaitable[None]]
"""(step or operation, server): where a simulation may fail or wait; real drivers do nothing."""


class Steps:
    """Of one server. What failed is told to the trace once it is known whether another host is tried."""

    def __init__(self, tracer: Tracer, rehearse: Rehearse, server: ServerDetails) -> None:
        self._tracer, self._rehearse, self._server = tracer, rehearse, server
        self._failed: list[tuple[int, int, int, str]] = []

    @asynccontextmanager
    async def step(self, number: int, *, elsewhere: bool = False) -> AsyncIterator[Step]:
        """One step. ``elsewhere``: what fails here may work on another host. Raises StepFailed, LeaseLost."""
        state, start, began = Step(), now_us(), time.perf_counter()
        try:
            await self._rehearse(str(number), self._server)
            with crash.around(number):
                yield state
        except LeaseLost:
            raise
        except Exception as error:
            problem = failed(number, error, elsewhere=elsewhere)
            self._failed.append((number, start, _since(began), problem.text))
            raise problem from error
        self._tracer.record(
            number,
            start=start,
            duration=_since(began),
            outcome=state.outcome,
            message=state.message,
            server_id=self._server.id,
        )

    async def rehearse(self, part: str) -> None:
        """The chance of a rehearsed fault in a part of a step."""
        await self._rehearse(part, self._server)

    def record(self, number: int, start: int, began: float, until: float) -> None:
        """A step that was over before anything was known of the server. ``began``, ``until``: performance counter."""
        duration = int((until - began) * 1e6)
        self._tracer.record(number, start=start, duration=duration, server_id=self._server.id)

    def judge(self, *, retried: bool) -> None:
        """What became of what failed."""
        outcome = trace.RETRIED if retried else trace.FAILED
        for number, start, duration, message in self._failed:
            self._tracer.record(
                number, start=start, duration=duration, outcome=outcome, message=message, server_id=self._server.id
            )
        self._failed.clear()


def _since(began: float) -> int:
    return int((time.perf_counter() - began) * 1e6)
