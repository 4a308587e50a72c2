"""Telling hosts' agents to look: in the background, many changes in one message, never in the way of an answer."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from sqlalchemy import select

from tinstack.core.bus import Bus
from tinstack.core.context import only_request_id, request_id_of_task
from tinstack.core.db import Database
from tinstack.core.errors import ApiError
from tinstack.core.periodic import Periodic
from tinstack.network import rpc
from tinstack.network.server import store
from tinstack.network.server import tables as t

log = logging.getLogger(__name__)

AGAIN_SECONDS = 10.0
"""For which a host that was told may say nothing; then it is told again."""
AGAIN_TIMES = 2
"""One that still says nothing is behind by its next report, or has answered another process of this service, or is gone."""

HEARD = select(t.hosts.c.host, t.hosts.c.generation).where(t.hosts.c.heartbeat_at > 0)


class _Host(msgspec.Struct, frozen=True):
    host: str
    generation: int


@dataclass
class _Told:
    """What a host has not answered yet. ``looked_at``: how often it was found so."""

    generation: int
    looked_at: int = 0


class Telling:
    """Collects hosts; a task of its own sends each one ``LookHost`` with its newest generation.

    A host that does not say in time that it has made that generation is told again.
    """

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database, self._bus = database, bus
        self._hosts: set[str] = set()
        self._ids: set[str] = set()
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unanswered: dict[str, _Told] = {}
        self._again = Periodic("tell hosts again", AGAIN_SECONDS, self.tell_again, delay=AGAIN_SECONDS)

    async def start(self) -> None:
        """Begin to tell."""
        self._task = asyncio.create_task(self._run(), name="telling hosts")
        self._again.start()

    async def stop(self) -> None:
        """Stop; who is behind is told by its report."""
        await self._again.stop()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def tell(self, hosts: Iterable[str]) -> None:
        """After a commit."""
        self._hosts.update(hosts)
        if self._hosts:
            self._ids.add(request_id_of_task.get())
            self._some.set()

    def made(self, host: str, generation: int) -> None:
        """A host says that it has made that generation."""
        told = self._unanswered.get(host)
        if told and told.generation <= generation:
            del self._unanswered[host]

    async def tell_again(self) -> None:
        """Those that have been silent for at least one turn."""
        silent = []
        for host, told in self._unanswered.items():
            told.looked_at += 1
            if 1 < told.looked_at <= 1 + AGAIN_TIMES:
                silent.append(host)
        self.tell(silent)

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            hosts, self._hosts = self._hosts, set()
            ids, self._ids = self._ids, set()
            request_id_of_task.set(only_request_id(ids))
            try:
                await self._send(hosts)
            except ApiError as error:
                log.warning("hosts are not told to look before their next reports: %s", error.text)
            except Exception:
                log.exception("hosts are not told to look before their next reports")

    async def _send(self, names: set[str]) -> None:
        """Hosts without an agent have no queue and are left out."""
        hosts = await store.all_in(self._database, HEARD, t.hosts.c.host, names, _Host)
        for host in hosts:
            told = self._unanswered.get(host.host)
            if told is None or told.generation != host.generation:
                self._unanswered[host.host] = _Told(host.generation)
        looks = (self._bus.cast(rpc.topic(host.host), rpc.LookHost(generation=host.generation)) for host in hosts)
        await asyncio.gather(*looks)
