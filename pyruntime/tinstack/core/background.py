"""Work that goes on after an answer was given. What is lost of it is brought back by its operation's lease."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from tinstack.core.errors import ApiError

log = logging.getLogger(__name__)

LAST_SECONDS = 1.0


class Background:
    """The tasks of one process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, object], what: str) -> None:
        """Go on with ``work``; a failure is logged under the name ``what``."""
        task = asyncio.create_task(_logged(work, what), name=what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Give what is under way a moment, then end it."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=LAST_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


async def _logged(work: Coroutine[Any, Any, object], what: str) -> None:
    try:
        await work
    except ApiError as error:
        log.warning("%s: %s", what, error.text)
    except Exception:
        log.exception("%s failed", what)
