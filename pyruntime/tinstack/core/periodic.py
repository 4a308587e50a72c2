"""Things done again and again: a periodic look that never dies, never overlaps itself and can be nudged."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from tinstack.core.metrics.families import PERIODIC_FAILURES, PERIODIC_LAST

log = logging.getLogger(__name__)


class Periodic:
    """Call ``work`` every ``interval`` seconds (first after ``delay``), and at once after ``nudge()``.

    An error is logged and the next turn comes all the same. ``jitter`` spreads the hosts of a lab.
    """

    def __init__(
        self,
        name: str,
        interval: float,
        work: Callable[[], Awaitable[object]],
        *,
        delay: float = 0.0,
        jitter: float = 0.1,
    ) -> None:
        self.name, self.interval, self.work, self.delay, self.jitter = name, interval, work, delay, jitter
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; needs a running loop."""
        self._task = asyncio.create_task(self._run(), name=f"periodic {self.name}")

    async def stop(self) -> None:
        """Cancel and wait."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def nudge(self) -> None:
        """Take the next turn now."""
        self._wake.set()

    async def _run(self) -> None:
        await self._pause(self.delay)
        while True:
            try:
                await self.work()
                PERIODIC_LAST.set(time.time(), self.name)
            except Exception:
                PERIODIC_FAILURES.add(self.name)
                log.exception("periodic work '%s' failed; it is tried again", self.name)
            await self._pause(self.interval * (1 + random.uniform(-self.jitter, self.jitter)))

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return
        finally:
            self._wake.clear()
