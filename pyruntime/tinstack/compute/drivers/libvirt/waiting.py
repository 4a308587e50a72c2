"""Guests that QEMU has paused because a volume did not answer: let try again until they run.

QEMU keeps the request, so nothing is lost and the guest sees no error. To go on is to send it anew, which makes QEMU connect
again; it does so beside the request, which therefore fails once more. Source: QEMU, "-blockdev" and "werror"; libvirt,
"error_policy".
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tinstack.compute.drivers.interface import DriverError

log = logging.getLogger(__name__)

FIRST_SECONDS, LAST_SECONDS = 0.1, 2.0
"""Between two tries: it grows from the one to the other."""
SAY_SECONDS = 5.0
"""How often those are told who can make the volume answer."""


PAUSED_BY_IO = [3, 5]
"""virDomainState and virDomainPausedReason."""


def go_on(domain: Any) -> bool:
    """Let a guest try again that QEMU paused because a disk did not answer; whether it was one."""
    if list(domain.state()[:2]) != PAUSED_BY_IO:
        return False
    domain.resume()
    return True


class Waiting:
    """``goes_on(id)``: whether a guest that waits was let try (False: it does not wait); ``tell(id)``: that it waits;
    ``over(id)``: that it does not any more."""

    def __init__(
        self,
        goes_on: Callable[[str], Awaitable[bool]],
        tell: Callable[[str], Awaitable[None]],
        over: Callable[[str], Awaitable[None]],
    ) -> None:
        self._goes_on, self._tell, self._over = goes_on, tell, over
        self._heard: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def heard(self, id: str) -> None:
        """It waits, as far as one knows; may be said again at any time."""
        self._heard.add(id)
        if id not in self._tasks:
            self._tasks[id] = asyncio.create_task(self._wait(id), name=f"guest {id} waits for a disk")

    def waits(self, id: str) -> bool:
        """Whether it is being let try."""
        return id in self._tasks

    async def stop(self) -> None:
        """No more tries."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _wait(self, id: str) -> None:
        began = time.monotonic()
        try:
            if await self._until_it_runs(id):
                log.warning("guest %s was paused for %.1f s: a volume did not answer", id, time.monotonic() - began)
            await self._over(id)
        except DriverError as error:
            log.warning("guest %s is looked at again with the next report: %s", id, error.text)
        finally:
            self._heard.discard(id)
            del self._tasks[id]

    async def _until_it_runs(self, id: str) -> int:
        """Often QEMU needs the second try; who it waits for is told when that was not enough either."""
        pause, tell, tries = FIRST_SECONDS, 0.0, 0
        while True:
            self._heard.discard(id)
            if await self._goes_on(id):
                tries += 1
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, LAST_SECONDS)
            elif id not in self._heard:
                return tries
            if tries > 1 and time.monotonic() > tell:
                await self._tell(id)
                tell = time.monotonic() + SAY_SECONDS
