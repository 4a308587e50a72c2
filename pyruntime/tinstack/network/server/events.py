"""Events told to the compute service (``POST /os-server-external-events``): in the background, in order, tried again.

Source: compute API reference, Create external events. A lost event costs a look: compute hosts also poll the port.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Protocol

import msgspec

from tinstack.core.client import RemoteError, Session
from tinstack.core.errors import ApiError

log = logging.getLogger(__name__)

PLUGGED, UNPLUGGED, DELETED, CHANGED = (
    "network-vif-plugged",
    "network-vif-unplugged",
    "network-vif-deleted",
    "network-changed",
)
KEEP = 10_000
BATCH = 100
GIVE_UP_SECONDS = 300.0
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """As the compute API has it. ``tag``: the port."""

    name: str
    server_uuid: str
    tag: str
    status: str = ""


class Plugged(Protocol):
    """What an event says of a port."""

    @property
    def id(self) -> str: ...

    @property
    def device_owner(self) -> str: ...

    @property
    def device_id(self) -> str: ...


def of_port(name: str, port: Plugged) -> list[Event]:
    """The event of a server's port; none for other ports."""
    if not port.device_owner.startswith("compute:") or len(port.device_id) != 36:
        return []
    return [Event(name=name, server_uuid=port.device_id, tag=port.id, status="completed")]


class Events:
    """The queue and its task."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: list[Event] = []
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._run(), name="events to compute")

    async def stop(self) -> None:
        """Stop; what waits is lost."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def send(self, events: Iterable[Event]) -> None:
        """After a commit; never waits."""
        self._waiting += events
        del self._waiting[:-KEEP]
        if self._waiting:
            self._some.set()

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                await self._deliver(batch)

    async def _deliver(self, batch: list[Event]) -> None:
        end = time.monotonic() + GIVE_UP_SECONDS
        for attempt in range(10_000):
            try:
                await self._post(batch)
                return
            except ApiError as error:
                if isinstance(error, RemoteError) and error.remote_status < 500 and error.remote_status != 401:
                    log.warning("compute refuses %d events: %s", len(batch), error.text)
                    return
                if time.monotonic() > end:
                    log.warning("%d events to compute are given up: %s", len(batch), error.text)
                    return
                await asyncio.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
            except Exception:
                log.exception("%d events to compute are lost", len(batch))
                return

    async def _post(self, batch: list[Event]) -> None:
        body = {"events": [msgspec.to_builtins(event) for event in batch]}
        await self._session.request("POST", "compute", "/os-server-external-events", json=body, ok=(404,))
