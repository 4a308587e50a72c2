"""What handlers work with: the parts of the running compute API."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any
from uuid import uuid4

from tinstack.api.config import Config
from tinstack.core.bus import Bus
from tinstack.core.client import Session
from tinstack.core.db import Database
from tinstack.core.errors import ApiError
from tinstack.core.trace import Tracer

log = logging.getLogger(__name__)


class Compute:
    """``owner``: how this process signs operations that it drives."""

    def __init__(self, config: Config, db: Database, bus: Bus, session: Session, tracer: Tracer) -> None:
        self.config, self.db, self.bus, self.session, self.tracer = config, db, bus, session, tracer
        self.owner = f"api@{config.host}/{uuid4().hex[:12]}"
        self.default_quotas: dict[str, int] = {
            name: getattr(config.quotas, name) for name in config.quotas.__struct_fields__
        }
        self._tasks: set[asyncio.Task[None]] = set()

    def in_background(self, work: Coroutine[Any, Any, object], what: str) -> None:
        """Go on with ``work`` after the answer; a failure is logged, the operation's lease brings the next owner."""

        async def run() -> None:
            try:
                await work
            except ApiError as error:
                log.warning("%s: %s", what, error.text)
            except Exception:
                log.exception("%s failed", what)

        task = asyncio.create_task(run(), name=what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Give what is under way a moment, then end it."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=1)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
