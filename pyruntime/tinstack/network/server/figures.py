"""What the network service tells Prometheus: agents' ages, and ports by status."""

import msgspec
from sqlalchemy import func, select

from tinstack.core.clock import SECOND, now_us
from tinstack.core.db import Database, prepared
from tinstack.core.metrics.families import AGENT_AGE, PORTS
from tinstack.network.server import tables as t

_AGES = prepared(select(t.hosts.c.host, t.hosts.c.heartbeat_at).where(t.hosts.c.heartbeat_at > 0))
_BY_STATUS = prepared(select(t.ports.c.status, func.count().label("number")).group_by(t.ports.c.status))


class _Heard(msgspec.Struct):
    host: str
    heartbeat_at: int


class _Status(msgspec.Struct):
    status: str
    number: int


async def agents(database: Database) -> None:
    """Each host has one agent, whatever it does."""
    now = now_us()
    rows = await database.all(_AGES, _Heard)
    AGENT_AGE.clear("network-agent")
    for row in rows:
        AGENT_AGE.set((now - row.heartbeat_at) / SECOND, "network-agent", row.host)


async def ports(database: Database) -> None:
    """Of all projects."""
    rows = await database.all(_BY_STATUS, _Status)
    PORTS.clear()
    for row in rows:
        PORTS.set(row.number, row.status)
