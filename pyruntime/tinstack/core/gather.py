"""Many small things done as one: what comes within a moment is handled together."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class Gathering(Generic[T]):
    """``handle`` gets what was added within ``seconds`` of the first. While nothing comes it sleeps.

    An error is logged and what was gathered is lost: it is for things that are said again.
    """

    def __init__(self, name: str, seconds: float, handle: Callable[[list[T]], Awaitable[object]]) -> None:
        self.name, self.seconds, self._handle = name, seconds, handle
        self._waiting: list[T] = []
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; needs a running loop."""
        self._task = asyncio.create_task(self._run(), name=f"gathering {self.name}")

    async def stop(self) -> None:
        """Cancel and wait; what waits is lost."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def add(self, item: T) -> None:
        """One more; never waits."""
        self._waiting.append(item)
        self._some.set()

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            await asyncio.sleep(self.seconds)
            self._some.clear()
            items, self._waiting = self._waiting, []
            try:
                await self._handle(items)
            except Exception:
                log.exception("gathered work '%s' failed", self.name)
