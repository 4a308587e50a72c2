"""What the conductor tells Prometheus: operations under way, services' ages, and how full the bus's queues are (the other
controllers', too: one that is deaf tells nobody itself)."""

import msgspec
from sqlalchemy import case, func, literal_column, or_, select

from tinstack.computedb.tables import operations, services
from tinstack.conductor.parts import Parts
from tinstack.core.bus import topology
from tinstack.core.clock import SECOND
from tinstack.core.metrics.families import AGENT_AGE, OLDEST_OPERATION, OPERATIONS, QUEUE_CONSUMERS, QUEUE_MESSAGES
from tinstack.core.operations import RUNNING

_O, _S = operations.c, services.c


class _Kind(msgspec.Struct):
    kind: str
    overdue: int
    number: int
    oldest: int


class _Heard(msgspec.Struct):
    host: str
    binary: str
    seen_at: int


_HEARD = select(_S.host, _S.binary, _S.seen_at)


class Figures:
    """Sets gauges when asked."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._told: set[str] = set()

    async def operations(self) -> None:
        """By kind; overdue: nobody drives it any more, or it is past its deadline."""
        now = await self._parts.db.transact(lambda tx: tx.now())
        late = case((or_(_O.lease_until < now, _O.deadline < now), 1), else_=0).label("overdue")
        asked = (
            select(_O.kind, late, func.count().label("number"), func.min(_O.created_at).label("oldest"))
            .where(_O.state == RUNNING)
            .group_by(_O.kind, literal_column("overdue"))
        )
        rows = await self._parts.db.all(asked, _Kind)
        OPERATIONS.clear()
        for row in rows:
            OPERATIONS.set(row.number, row.kind, "overdue" if row.overdue else "running")
        OLDEST_OPERATION.set(max((now - row.oldest for row in rows), default=0) / SECOND)

    async def ages(self) -> None:
        """Of every service that reports to the conductor."""
        now = await self._parts.db.transact(lambda tx: tx.now())
        rows = await self._parts.db.all(_HEARD, _Heard)
        for binary in self._told:
            AGENT_AGE.clear(binary)
        self._told = {row.binary for row in rows}
        for row in rows:
            AGENT_AGE.set((now - row.seen_at) / SECOND, row.binary, row.host)

    async def queues(self) -> None:
        """The shared ones, and those of every host's agents."""
        hosts = {row.host for row in await self._parts.db.all(_HEARD, _Heard) if row.binary == "nova-compute"}
        shared = sorted({queue for queues in topology.SERVED.values() for queue in queues})
        agents = [f"{agent}.{host}" for host in sorted(hosts) for agent in topology.AGENTS]
        depths = await self._parts.bus.depths([*shared, *agents])
        QUEUE_MESSAGES.clear()
        QUEUE_CONSUMERS.clear()
        for queue, depth in depths.items():
            QUEUE_MESSAGES.set(depth.messages, queue)
            QUEUE_CONSUMERS.set(depth.consumers, queue)
