"""Agents' heartbeats, written many at a time: a thousand hosts cost a statement a second, not a transaction each."""

import time
from collections.abc import Awaitable, Callable, Iterable

import msgspec
from sqlalchemy import select, update

from tinstack.core.clock import now_us
from tinstack.core.db import Database, Transaction
from tinstack.core.gather import Gathering
from tinstack.network import rpc
from tinstack.network.server import store
from tinstack.network.server import tables as t

GATHER_SECONDS, PART = 1.0, 0.1
"""How much older a heartbeat may be in the database than it is: no more than this part of the silence that makes an agent down."""

_H = t.hosts.c
MANY = 512


GENERATIONS = select(_H.host, _H.generation)


class _Generation(msgspec.Struct):
    host: str
    generation: int


class _Known(msgspec.Struct):
    """What a host's last report said, and when it came (monotonic clock)."""

    facts: tuple[object, ...]
    heard: float


class Beats:
    """``alone``: takes a report that says anything new; ``tell``: tells hosts to look, those that are behind and don't know it.
    ``down_seconds``: after which a silent agent is down."""

    def __init__(
        self,
        database: Database,
        down_seconds: float,
        alone: Callable[[rpc.AgentReport], Awaitable[None]],
        tell: Callable[[Iterable[str]], None],
    ) -> None:
        self._db, self._down_seconds, self._alone, self._tell = database, down_seconds, alone, tell
        self._known: dict[str, _Known] = {}
        seconds = min(GATHER_SECONDS, PART * down_seconds)
        self._gathering: Gathering[rpc.AgentReport] = Gathering("agents' heartbeats", seconds, self._write)

    def start(self) -> None:
        """Begin to write."""
        self._gathering.start()

    async def stop(self) -> None:
        """Agents say it again."""
        await self._gathering.stop()

    async def heard(self, report: rpc.AgentReport) -> None:
        """A report. One that says what the last one said is written with others; any other, and the first after silence, at once.

        Whoever worked before this process began is told to look: what it said meanwhile may be lost, and what is wanted may follow
        from another configuration or release. One that has just begun itself asks anyway.
        """
        known, facts, now = self._known.get(report.host), _facts(report), time.monotonic()
        if known and known.facts == facts and now - known.heard < self._down_seconds:
            known.heard = now
            self._gathering.add(report)
            return
        await self._alone(report)
        self._known[report.host] = _Known(facts, now)
        if known is None and report.generation:
            self._tell([report.host])

    async def _write(self, reports: list[rpc.AgentReport]) -> None:
        by_host = {report.host: report for report in reports}
        hosts = sorted(by_host)
        if await self._beat(hosts) != len(hosts):
            for (
                report
            ) in by_host.values():  # the agents of one were removed meanwhile: they come back by their heartbeat
                await self._alone(report)
        rows = await store.all_in(self._db, GENERATIONS, _H.host, hosts, _Generation)
        self._tell(row.host for row in rows if row.generation > by_host[row.host].generation)

    async def _beat(self, hosts: list[str]) -> int:
        """How many of them have agents."""

        async def work(tx: Transaction) -> int:
            found = 0
            for start in range(0, len(hosts), MANY):
                some = store.padded(hosts[start : start + MANY])
                beat = update(t.hosts).where(_H.host.in_(some), _H.heartbeat_at > 0).values(heartbeat_at=now_us())
                found += await tx.run(beat)
            return found

        return await self._db.transact(work)


def _facts(report: rpc.AgentReport) -> tuple[object, ...]:
    return report.tunnel_ip, report.roles, report.physical_networks, report.started_at
