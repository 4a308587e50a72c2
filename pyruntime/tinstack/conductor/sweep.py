"""The orphan sweep: claims, ports and attachments of servers that are gone are brought to absent.

Nothing should ever be left, as a delete clears all of it before it ends. What comes later all the same (a request that a service
was too slow to take, a database from a backup) is found here.
"""

import logging

from tinstack.computedb import fleet, instances
from tinstack.conductor.parts import Parts
from tinstack.conductor.remote import Remote
from tinstack.core.errors import ApiError

log = logging.getLogger(__name__)


class Sweep:
    """Who is seen twice without a server loses what it has; servers that never were ours lose their claims alone."""

    def __init__(self, parts: Parts, remote: Remote) -> None:
        self._parts, self._remote = parts, remote
        self._suspects: set[str] = set()

    async def look(self) -> None:
        """Once."""
        holders = await self._remote.holders()
        for node in await fleet.all_nodes(self._parts.db):
            holders |= await self._remote.consumers(node.id)
        gone = holders - await instances.ids(self._parts.db)
        for id in gone & self._suspects:
            try:
                await self._clear(id)
            except ApiError as error:
                log.warning("what is left of server %s can't be given back yet: %s", id, error.text)
        self._suspects = gone

    async def _clear(self, id: str) -> None:
        server = await instances.get(self._parts.db, id, deleted=True)
        if server is not None:
            log.warning("what is left of server %s, which is gone, is given back", id)
            await self._remote.clear(server, gone=False)
        elif await self._remote.is_instance(id):
            log.warning("the claim of %s, which is no server, is given back", id)
            await self._remote.forget_claim(id)
