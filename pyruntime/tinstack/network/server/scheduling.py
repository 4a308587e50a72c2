"""Where DHCP and routers are made: on the host with that role that lives and has the least of it."""

import msgspec
from sqlalchemy import bindparam, func, select

from tinstack.core.clock import SECOND
from tinstack.core.db import prepared
from tinstack.network.server import tables as t
from tinstack.network.server.change import Change
from tinstack.network.server.config import Config
from tinstack.network.server.rows import DHCP as DHCP_OWNER

DHCP, L3 = "dhcp", "l3"

_A, _H, _P, _R = t.agents.c, t.hosts.c, t.ports.c, t.routers.c

FIT = prepared(
    select(_A.host)
    .join(t.hosts, _H.host == _A.host)
    .where(_A.role == bindparam("wanted_role"), _A.admin_state_up == 1, _H.heartbeat_at >= bindparam("since"))
    .order_by(_A.host)
)
LOAD = {
    DHCP: prepared(
        select(_P.binding_host.label("host"), func.count().label("load"))
        .where(_P.device_owner == DHCP_OWNER)
        .group_by(_P.binding_host)
    ),
    L3: prepared(select(_R.host, func.count().label("load")).group_by(_R.host)),
}


class _Fit(msgspec.Struct, frozen=True):
    host: str


class _Load(msgspec.Struct, frozen=True):
    host: str
    load: int


async def fit_hosts(change: Change, config: Config, role: str, *, seconds: float | None = None) -> list[str]:
    """The hosts that may serve a role: enabled, and heard of within ``seconds`` (default: until shown as dead)."""
    age = config.agent_down_seconds if seconds is None else seconds
    rows = await change.tx.all(FIT, _Fit, wanted_role=role, since=change.now - int(age * SECOND))
    return [row.host for row in rows]


async def host_for(change: Change, config: Config, role: str) -> str:
    """The least loaded one; '' where there is none."""
    hosts = await fit_hosts(change, config, role)
    if not hosts:
        return ""
    loads = {row.host: row.load for row in await change.tx.all(LOAD[role], _Load)}
    return min(hosts, key=lambda host: (loads.get(host, 0), host))
