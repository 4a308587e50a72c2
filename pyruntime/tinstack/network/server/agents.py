"""What hosts' agents say: that they live, and what they have made. Source: Network API reference, Agents."""

import logging
from collections.abc import Container, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec
from msgspec import structs
from sqlalchemy import bindparam, literal_column, or_, select, union_all, update

from tinstack.core.bus import Envelope
from tinstack.core.bus.interface import Refused
from tinstack.core.clock import SECOND, now_us
from tinstack.core.db import Database, Duplicate, Statement, Transaction, prepared, to_json
from tinstack.core.errors import Conflict
from tinstack.network import rpc
from tinstack.network.server import events, store
from tinstack.network.server import tables as t
from tinstack.network.server.beats import Beats
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.config import Config
from tinstack.network.server.errors import AgentNotFound
from tinstack.network.server.reconcile import Reconciler
from tinstack.network.server.rows import (
    ACTIVE,
    BINDING_FAILED,
    BOUND,
    DOWN,
    Agent,
    Host,
)
from tinstack.network.server.wanted import Wanted

log = logging.getLogger(__name__)

ROLES = ("l2", "dhcp", "l3", "metadata")

_A, _H, _N, _P, _R, _F = t.agents.c, t.hosts.c, t.networks.c, t.ports.c, t.routers.c, t.floatingips.c

HOST = prepared(select(t.hosts).where(_H.host == bindparam("name")))
ADD_HOST = prepared(t.hosts.insert())
BEAT = prepared(
    update(t.hosts)
    .where(_H.host == bindparam("name"))
    .values(
        tunnel_ip=bindparam("new_tunnel_ip"),
        roles=bindparam("new_roles"),
        physical_networks=bindparam("new_physical_networks"),
        started_at=bindparam("new_started_at"),
        heartbeat_at=bindparam("new_heartbeat_at"),
    )
)
AGENTS_OF = prepared(select(t.agents).where(_A.host == bindparam("name")))
ADD_AGENT = prepared(t.agents.insert())
ALL_AGENTS = prepared(
    select(t.agents, _H.tunnel_ip, _H.physical_networks, _H.started_at, _H.heartbeat_at)
    .join(t.hosts, _H.host == _A.host)
    .order_by(_A.host, _A.role)
)
UPDATE_AGENT = prepared(
    update(t.agents)
    .where(_A.id == bindparam("key"))
    .values(admin_state_up=bindparam("new_up"), description=bindparam("new_description"))
)
DROP_AGENT = prepared(t.agents.delete().where(_A.id == bindparam("key")))
FORGET_HOST = prepared(update(t.hosts).where(_H.host == bindparam("name")).values(heartbeat_at=0))
NETWORKS_OF_HOST = prepared(select(_P.network_id).distinct().where(_P.binding_host == bindparam("name")))
STATUS = prepared(
    update(t.ports)
    .where(_P.id == bindparam("key"), _P.binding_host == bindparam("name"), _P.status == bindparam("old"))
    .where(_P.binding_generation <= bindparam("made"))
    .values(status=bindparam("new"), revision_number=_P.revision_number + 1)
)
MADE_ON_HOST = prepared(
    union_all(
        select(literal_column("0").label("floating"), _P.id, _P.status, _P.admin_state_up.label("up"))
        .add_columns(_P.device_owner, _P.device_id)
        .where(_P.binding_host == bindparam("name"), _P.binding_generation <= bindparam("made")),
        select(literal_column("1"), _F.id, _F.status, literal_column("1"), literal_column("''"), _F.router_id)
        .join(t.routers, _R.id == _F.router_id)
        .where(_R.host == bindparam("name"), _F.generation <= bindparam("made")),
    )
)
"""What stands in the host's wanted state of a generation: its ports, and the floating IPs of its routers (``device_id``)."""
FLOATING_STATUS = prepared(
    update(t.floatingips)
    .where(_F.id == bindparam("key"), _F.status == bindparam("old"), _F.generation <= bindparam("made"))
    .values(status=bindparam("new"), revision_number=_F.revision_number + 1)
)


EVERYWHERE = {"l2"}
"""Roles that every host may have."""


class AgentAlive(Conflict):
    """409: a host that reports would come back at once."""

    code, message = "network.agent.alive", "The agent on {host} is alive; stop it before it is removed."


class _Made(msgspec.Struct, frozen=True):
    floating: bool
    id: str
    status: str
    up: bool
    device_owner: str
    device_id: str


class _Network(msgspec.Struct, frozen=True):
    network_id: str


def agent_id(host: str, role: str) -> str:
    """The same whoever hears of the agent first."""
    return str(uuid5(NAMESPACE_URL, f"tinstack:network-agent:{host}:{role}"))


def _bound(message: rpc.AgentReport) -> Statement:
    """Ports that could not be bound to a host, and that can now."""
    wired = or_(_N.physical_network.is_(None), _N.physical_network.in_(store.padded(message.physical_networks)))
    return (
        update(t.ports)
        .where(_P.binding_host == message.host, _P.binding_vif_type == BINDING_FAILED)
        .where(_P.network_id.in_(select(_N.id).where(wired)))
        .values(binding_vif_type=BOUND, revision_number=_P.revision_number + 1)
    )


class Agents:
    """The messages' handlers, and the API's view."""

    def __init__(self, config: Config, changes: Changes, wanted: Wanted, reconciler: Reconciler) -> None:
        self.config, self._changes, self._wanted, self._reconciler = config, changes, wanted, reconciler
        self._db: Database = changes.database
        self.beats = Beats(changes.database, config.agent_down_seconds, self._learn_of, changes.tell)
        self._refused: dict[str, list[str]] = {}

    def handlers(self) -> Mapping[type[Any], Any]:
        """For ``bus.serve``."""
        return {rpc.AgentReport: self.report, rpc.AskHostState: self.ask, rpc.Applied: self.applied}

    async def report(self, message: rpc.AgentReport, envelope: Envelope) -> None:
        """The heartbeat of a host."""
        _vouched(message.host, envelope)
        await self.beats.heard(self._allowed(message))

    async def _learn_of(self, message: rpc.AgentReport) -> None:
        """What is new about a host is told to those that it concerns."""
        before = await self._db.one(HOST, Host, name=message.host)
        now = now_us()
        fields = {
            "new_tunnel_ip": message.tunnel_ip,
            "new_roles": to_json(message.roles),
            "new_physical_networks": to_json(message.physical_networks),
            "new_started_at": message.started_at,
            "new_heartbeat_at": now,
        }

        async def beat(tx: Transaction) -> bool:
            return bool(await tx.run(BEAT, name=message.host, **fields))

        if before is not None and _same(before, message) and await self._db.transact(beat):
            if before.heartbeat_at < now - int(self.config.agent_down_seconds * SECOND):
                self._reconciler.nudge()
            return

        async def work(change: Change) -> None:
            await self._learn(change, message, fields)

        await self._changes.run(work)
        self._reconciler.nudge()

    def _allowed(self, message: rpc.AgentReport) -> rpc.AgentReport:
        """With the roles that the host may have: those of network hosts see the guests of others."""
        if message.host in self.config.network_hosts:
            return message
        refused = [role for role in message.roles if role not in EVERYWHERE]
        if refused and self._refused.get(message.host) != refused:
            log.warning("host '%s' is no network host, so it may not be %s", message.host, ", ".join(refused))
        self._refused[message.host] = refused
        return structs.replace(message, roles=[role for role in message.roles if role in EVERYWHERE])

    async def _learn(self, change: Change, message: rpc.AgentReport, fields: Mapping[str, Any]) -> None:
        """A host that is new, or whose roles or tunnel address changed."""
        host = Host(host=message.host)
        if not await change.tx.run(BEAT, name=message.host, **fields):
            try:
                await change.tx.run(
                    ADD_HOST,
                    host=host.host,
                    generation=host.generation,
                    applied=0,
                    **{name.removeprefix("new_"): value for name, value in fields.items()},
                )
            except Duplicate:
                raise store.Stale from None
        await change.tx.run(_bound(message))
        there = await change.tx.all(AGENTS_OF, Agent, name=message.host)
        known = {agent.role for agent in there}
        for agent in there:
            if agent.role not in message.roles:
                await change.tx.run(DROP_AGENT, key=agent.id)
        for role in message.roles:
            if role in ROLES and role not in known:
                await change.tx.run(
                    ADD_AGENT,
                    id=agent_id(message.host, role),
                    host=message.host,
                    role=role,
                    admin_state_up=1,
                    description="",
                    created_at=change.now,
                )
        change.host(message.host)
        await self._tell_peers(change, message.host)

    async def ask(self, message: rpc.AskHostState, envelope: Envelope) -> rpc.HostNetworkState:
        """All that a host's networking should be."""
        _vouched(message.host, envelope)
        return await self._wanted.of(message.host)

    async def applied(self, message: rpc.Applied, envelope: Envelope) -> None:
        """Ports that are wired now are ACTIVE, and the compute service is told; those that fail are DOWN."""
        _vouched(message.host, envelope)
        self._changes.made(message.host, message.generation)
        for id, why in message.errors.items():
            log.warning("host %s, %s: %s", message.host, id, why)
        made = await self._db.all(MADE_ON_HOST, _Made, name=message.host, made=message.generation)
        up = set(message.up)
        turned = [(one, status) for one in made if one.status != (status := _status(one, message, up))]
        if not turned:
            return

        async def work(change: Change) -> None:
            for one, status in sorted(turned, key=lambda pair: (pair[0].floating, pair[0].id)):
                values = {"old": one.status, "new": status, "made": message.generation}
                if one.floating:
                    await change.tx.run(FLOATING_STATUS, key=one.id, **values)
                elif await change.tx.run(STATUS, key=one.id, name=message.host, **values):
                    name = events.PLUGGED if status == ACTIVE else events.UNPLUGGED
                    for event in events.of_port(name, one):
                        change.event(event)

        await self._changes.run(work)

    async def all(self) -> list[Agent]:
        """Every agent, with its host's report."""
        return await self._db.all(ALL_AGENTS, Agent)

    async def get(self, id: str) -> Agent:
        """Raises AgentNotFound."""
        found = next((agent for agent in await self.all() if agent.id == id), None)
        if found is None:
            raise AgentNotFound(id=id)
        return found

    def alive(self, agent: Agent) -> bool:
        """Heard of lately."""
        return agent.heartbeat_at >= now_us() - int(self.config.agent_down_seconds * SECOND)

    async def update(self, id: str, up: bool | None, description: str | None) -> Agent:
        """A disabled agent gets nothing new. Raises AgentNotFound."""
        agent = await self.get(id)
        agent.admin_state_up = agent.admin_state_up if up is None else up
        agent.description = agent.description if description is None else description

        async def work(tx: Transaction) -> None:
            await tx.run(UPDATE_AGENT, key=id, new_up=int(agent.admin_state_up), new_description=agent.description)

        await self._db.transact(work)
        self._reconciler.nudge()
        return agent

    async def delete(self, id: str) -> None:
        """Of a host that is gone. Raises AgentNotFound, AgentAlive."""
        agent = await self.get(id)
        if self.alive(agent):
            raise AgentAlive(host=agent.host)

        async def work(change: Change) -> None:
            await change.tx.run(DROP_AGENT, key=id)
            if not await change.tx.all(AGENTS_OF, Agent, name=agent.host):
                await change.tx.run(FORGET_HOST, name=agent.host)
                await self._tell_peers(change, agent.host)

        await self._changes.run(work)

    @staticmethod
    async def _tell_peers(change: Change, host: str) -> None:
        """Others send this host their networks' packets, or do no more."""
        for one in await change.tx.all(NETWORKS_OF_HOST, _Network, name=host):
            await change.network(one.network_id)


def _vouched(host: str, envelope: Envelope) -> None:
    """A host speaks for itself alone."""
    if envelope.sender != rpc.topic(host):
        raise Refused(f"'{envelope.sender}' does not speak for the host '{host}'.")


def _same(host: Host, message: rpc.AgentReport) -> bool:
    """Nothing that others care about is new. A host whose agents were removed has no heartbeat."""
    known = host.tunnel_ip, sorted(host.roles), host.physical_networks, host.heartbeat_at > 0
    return known == (message.tunnel_ip, sorted(message.roles), message.physical_networks, True)


def _status(made: _Made, message: rpc.Applied, up: Container[str]) -> str:
    if made.floating:
        return DOWN if made.device_id in message.errors else ACTIVE
    return ACTIVE if made.up and made.id in up else DOWN
