"""One change of the network: a transaction, the hosts whose wanted state it touches, and what is told after its commit.

Every host has a generation number. It is raised in the transaction of any change that matters to the host, and the host's
agent is told to look once the change is there. A lost message costs nothing: whose report names an older one is told again.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import NamedTuple, TypeVar

from sqlalchemy import bindparam, func, select, update

from tinstack.core.clock import now_us
from tinstack.core.db import prepared
from tinstack.network.server import filters, store
from tinstack.network.server import tables as t
from tinstack.network.server.errors import StaleDataError
from tinstack.network.server.events import Event, Events
from tinstack.network.server.known import KnownDatabase, KnownTransaction
from tinstack.network.server.rows import Port, PortGroup
from tinstack.network.server.telling import Telling

log = logging.getLogger(__name__)

T = TypeVar("T")

TRIES = 20

_H, _P, _F = t.hosts.c, t.ports.c, t.floatingips.c

RAISE = update(t.hosts).values(generation=_H.generation + 1)
GENERATION = prepared(select(_H.generation).where(_H.host == bindparam("name")))
PLACED = prepared(
    update(t.ports)
    .where(_P.id == bindparam("key"))
    .values(
        binding_generation=func.coalesce(select(_H.generation).where(_H.host == _P.binding_host).scalar_subquery(), 0)
    )
)
TRANSLATED = prepared(
    update(t.floatingips).where(_F.id == bindparam("key")).values(generation=bindparam("wanted_generation"))
)


class Change:
    """What a piece of work is given. ``tx``: the transaction; ``now``: microseconds, one moment for all its rows."""

    def __init__(self, tx: KnownTransaction) -> None:
        self.tx, self.now = tx, now_us()
        self.hosts: set[str] = set()
        self.events: list[Event] = []
        self._placed: set[str] = set()
        self._translated: dict[str, str] = {}

    def host(self, *names: str | None) -> None:
        """These hosts' wanted state is another one."""
        self.hosts.update(name for name in names if name)

    async def network(self, network_id: str) -> None:
        """Every host that has ports of the network must look."""
        self.host(*(place.host for place in await self._places(network_id)))

    async def port(self, port: Port, old_host: str = "") -> None:
        """A port was made, changed or moved (from ``old_host``).

        Its own hosts must look, and those that serve the network's guests (a lease for every port); where a host got its
        first port of the network or lost its last one, all must: they are each other's peers.
        """
        here = port.binding_host
        self.host(here, old_host)
        places = {place.host: place for place in await self._places(port.network_id)}
        came = here and here != old_host and places[here].ports == 1
        left = old_host and old_host != here and old_host not in places
        everyone = came or left
        self.host(*(place.host for place in places.values() if everyone or place.serving))

    async def came_or_goes(self, port: Port) -> None:
        """A port that was just made, or that is about to be removed, with its security groups: both questions of ``port`` and
        ``members`` in one."""
        around = await self.tx.all(store.PLACES_AROUND_PORT, store.Place, network=port.network_id, port=port.id)
        alone = any(place.host == port.binding_host and place.ports == 1 for place in around)
        self.host(port.binding_host)
        self.host(*(place.host for place in around if alone or place.serving or not place.ports))

    async def groups(self, ids: Collection[str]) -> None:
        """Rules of these security groups are others."""
        self.host(*await filters.hosts_with(self.tx, ids))

    async def members(self, ids: Collection[str]) -> None:
        """Addresses came to these security groups, or left them."""
        self.host(*await filters.hosts_that_know(self.tx, ids))

    async def members_of(self, port_id: str) -> None:
        """The same of a port's security groups."""
        await self.members([one.group_id for one in await self.tx.all(store.GROUPS_OF_PORT, PortGroup, port=port_id)])

    async def addresses(self, group_id: str) -> None:
        """The address group has others."""
        self.host(*await filters.hosts_by_addresses(self.tx, [group_id]))

    async def qos(self, policy_id: str) -> None:
        """The QoS policy says something else."""
        self.host(*await filters.hosts_by_qos(self.tx, policy_id))

    async def _places(self, network_id: str) -> list[store.Place]:
        return await self.tx.all(store.PLACES_OF_NETWORK, store.Place, network=network_id)

    def placed(self, port_id: str) -> None:
        """The port is up only once its host has made the state that this change leads to."""
        self._placed.add(port_id)

    def translated(self, floatingip_id: str, host: str) -> None:
        """The same of a floating address on its router's host."""
        self._translated[floatingip_id] = host
        self.host(host)

    def event(self, event: Event) -> None:
        """Told to the compute service after the commit."""
        self.events.append(event)

    async def settle(self) -> None:
        """The last statements of the transaction: generations, in one order for all, so that changes don't deadlock."""
        await store.run_in(self.tx, RAISE, _H.host, self.hosts)
        for port_id in sorted(self._placed):
            await self.tx.run(PLACED, key=port_id)
        for floatingip_id, host in sorted(self._translated.items()):
            generation = await self.tx.scalar(GENERATION, name=host)
            await self.tx.run(TRANSLATED, key=floatingip_id, wanted_generation=generation or 0)


class Done(NamedTuple):
    """What a transaction leaves to be told."""

    hosts: set[str]
    events: list[Event]


class Changes:
    """Runs changes."""

    def __init__(self, database: KnownDatabase, telling: Telling, events: Events) -> None:
        self.database, self._telling, self._events = database, telling, events

    def tell(self, hosts: Iterable[str]) -> None:
        """Let these hosts' agents look."""
        self._telling.tell(hosts)

    def made(self, host: str, generation: int) -> None:
        """A host's agent has looked."""
        self._telling.made(host, generation)

    async def run(self, work: Callable[[Change], Awaitable[T]]) -> T:
        """``work`` in one transaction, again when others were faster. Raises StaleDataError after many tries."""

        async def attempt(tx: KnownTransaction) -> tuple[T, Done]:
            change = Change(tx)
            result = await work(change)
            await change.settle()
            return result, Done(change.hosts, change.events)

        for _ in range(TRIES):
            try:
                result, done = await self.database.transact(attempt)
            except store.Stale:
                log.debug("a row was changed by others meanwhile; the change is tried again")
                continue
            self._telling.tell(done.hosts)
            self._events.send(done.events)
            return result
        raise StaleDataError
