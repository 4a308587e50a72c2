"""Hosts' heartbeats, written many at a time: a thousand hosts cost a statement every three seconds, not a transaction each."""

import time
from collections.abc import Callable

from tinstack.computedb import heartbeats
from tinstack.computedb.fleet import COMPUTE
from tinstack.core.db import Database
from tinstack.core.gather import Gathering

GATHER_SECONDS, PART = 3.0, 0.1
"""How much older a heartbeat may be in the database than it is: no more than this part of the silence that makes a host down."""


TICK_SECONDS = 1.0


class Awake:
    """Whether this process was there to hear hosts: what stood still for a while must not take their silence for theirs.

    ``down_seconds``: the silence that makes a host down.
    """

    def __init__(self, down_seconds: float, passing: Callable[[], float] = time.monotonic) -> None:
        self._down, self._passing = down_seconds, passing
        self._ticked, self._woke, self._slept = passing(), -down_seconds, 0.0

    async def tick(self) -> None:
        """To be called every ``TICK_SECONDS``."""
        self.patience()

    def patience(self) -> float:
        """How long a host may be silent now before it is down: longer right after this process stood still, by as long as it did."""
        now = self._passing()
        gap, self._ticked = now - self._ticked, now
        if gap > 2 * TICK_SECONDS:
            self._slept, self._woke = gap, now
        return self._down + (self._slept if now - self._woke < self._down else 0.0)


class Beats:
    """Writes when hosts were heard of. ``down_seconds``: after which a silent one is down."""

    def __init__(self, db: Database, down_seconds: float) -> None:
        self._db = db
        self._started: dict[str, int] = {}
        self._gathering: Gathering[str] = Gathering("heartbeats", min(GATHER_SECONDS, PART * down_seconds), self._write)

    def start(self) -> None:
        """Begin to write."""
        self._gathering.start()

    async def stop(self) -> None:
        """Hosts say it again."""
        await self._gathering.stop()

    async def heard(self, host: str, started_at: int) -> None:
        """A host's agent lives. One that is new, or was started anew, is written at once."""
        if self._started.get(host) == started_at:
            self._gathering.add(host)
            return
        await heartbeats.beat(self._db, host, COMPUTE, started_at)
        self._started[host] = started_at

    async def _write(self, heard: list[str]) -> None:
        hosts = set(heard)
        if await heartbeats.beat_all(self._db, hosts) == len(hosts):
            return
        for (
            host
        ) in hosts:  # one of them was removed from the list of services meanwhile, and comes back by its heartbeat
            await heartbeats.beat(self._db, host, COMPUTE, self._started[host])
