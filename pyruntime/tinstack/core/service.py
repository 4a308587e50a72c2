"""A running service: the parts that ``service.py`` of each package puts together, started and stopped in order."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from tinstack.core.config import HttpConfig

if TYPE_CHECKING:
    from tinstack.core.http.serve import HttpServer

log = logging.getLogger(__name__)

Hook = Callable[[], Awaitable[None]]


class Service:
    """``apps``: where each ASGI application listens. ``on_start`` runs before it listens, ``on_ready`` after, ``on_stop``
    last (in reverse order); all are lists of coroutine functions."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.apps: list[tuple[HttpConfig, Any]] = []
        self.on_start: list[Hook] = []
        self.on_ready: list[Hook] = []
        self.on_stop: list[Hook] = []
        self.measured: dict[str, Hook] = {}
        """What sets its gauges when its metrics are asked for, by name."""
        self._servers: list[HttpServer] = []

    async def start(self) -> None:
        """Parts, then sockets, then what needs other services."""
        for hook in self.on_start:
            await hook()
        for config, app in self.apps:
            await self._listen(config, app)
        for hook in self.on_ready:
            await hook()

    async def _listen(self, config: HttpConfig, app: Any) -> None:
        from tinstack.core.http.serve import HttpServer  # only those who serve HTTP pay for it

        server = HttpServer(app, config)
        await server.start()
        self._servers.append(server)

    async def hang_up(self) -> None:
        """Close its sockets, all at once: each takes a moment to finish what is being answered."""
        await asyncio.gather(*(server.stop() for server in self._servers))
        self._servers.clear()

    async def stop(self) -> None:
        """Sockets first, then the parts in reverse order; an error in one does not keep the others up."""
        await self.hang_up()
        for hook in reversed(self.on_stop):
            try:
                await hook()
            except Exception:
                log.exception("stopping %s: a part failed", self.name)
