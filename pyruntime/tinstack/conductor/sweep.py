"""The sweep: what is left of servers that are gone is brought to absent, and every server's claim is on the host that has the server.

Nothing should ever be left, as a delete clears all of it before it ends. What comes later all the same (a request that a service
was too slow to take, a database from a backup) is found here.
"""

import logging

from tinstack.computedb import fleet, instances
from tinstack.computedb.instances import Place
from tinstack.computedb.rows import Instance
from tinstack.computedb.store import OPERATIONS
from tinstack.conductor.claims import Fence, unfenced
from tinstack.conductor.parts import Parts
from tinstack.conductor.remote import Remote
from tinstack.conductor.rpc import provider_of
from tinstack.conductor.scheduling import local_disk_gib
from tinstack.core.db import Transaction
from tinstack.core.errors import ApiError, Conflict

log = logging.getLogger(__name__)

HAS_GUEST = {"active", "paused", "suspended", "stopped", "rescued"}
"""States in which a server takes its host's memory."""

IN_TWO_PLACES = {"resized"}
"""States in which it may hold two claims."""


class ServerMoved(Conflict):
    """409: it is not as it was seen any more."""

    code, message = "conductor.sweep.moved", "Server {id} has changed since it was looked at."


class Sweep:
    """Who is seen twice without a server loses what it has; servers that never were ours lose their claims alone."""

    def __init__(self, parts: Parts, remote: Remote) -> None:
        self._parts, self._remote = parts, remote
        self._suspects: set[str] = set()

    async def look(self) -> None:
        """Once. Claims are read before servers: what is made meanwhile has its row first."""
        nodes = await fleet.all_nodes(self._parts.db)
        claims = await self._remote.claims.consumers([node.id for node in nodes])
        holders = await self._remote.holders() | claims.keys()
        servers = {one.id: one for one in await instances.places(self._parts.db)}
        gone = holders - servers.keys()
        busy = {one.subject for one in await self._parts.db.transact(OPERATIONS.under_way)}
        misplaced = {id for id, one in servers.items() if id not in busy and _is_misplaced(one, claims.get(id, set()))}
        for id in (gone | misplaced) & self._suspects:
            try:
                await (self._clear(id) if id in gone else self._put_right(id))
            except ApiError as error:
                log.warning("what server %s holds can't be put right yet: %s", id, error.text)
        self._suspects = gone | misplaced

    async def _clear(self, id: str) -> None:
        server = await instances.get(self._parts.db, id, deleted=True)
        if server is not None:
            log.warning("what is left of server %s, which is gone, is given back", id)
            await self._remote.clear(server, unfenced, gone=False)
        elif await self._remote.claims.is_instance(id):
            log.warning("the claim of %s, which is no server, is given back", id)
            await self._remote.claims.give_back(id)

    async def _put_right(self, id: str) -> None:
        server = await instances.find(self._parts.db, id)
        provider = provider_of(server.host) if server.host else None
        if await self._remote.claims.put_right(server, provider, resources_of(server), self._unchanged(server)):
            log.warning("the claim of server %s is put right: it is on %s", id, server.host or "no host")

    def _unchanged(self, server: Instance) -> Fence:
        async def work(tx: Transaction) -> None:
            row = await instances.find(tx, server.id)
            if (row.generation, row.host) != (server.generation, server.host) or await OPERATIONS.running(tx, row.id):
                raise ServerMoved(id=server.id)

        async def fence() -> None:
            await self._parts.db.transact(work)

        return fence


def resources_of(server: Instance) -> dict[str, int]:
    """What a server takes of its host: resource class → amount; nothing for zero."""
    flavor = server.flavor
    wanted = {"VCPU": flavor.vcpus, "MEMORY_MB": flavor.ram_mib, "DISK_GB": local_disk_gib(server)}
    return {name: amount for name, amount in wanted.items() if amount}


def _is_misplaced(server: Place, providers: set[str]) -> bool:
    """Whether it holds something of another host than its own, or nothing of its own while it has a guest there."""
    if server.task_state is not None or server.vm_state in IN_TWO_PLACES:
        return False
    own = {provider_of(server.host)} if server.host else set[str]()
    return bool(providers - own) or (server.vm_state in HAS_GUEST and providers != own)
