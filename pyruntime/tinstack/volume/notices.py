"""What the compute service is told of volumes. Source: compute API reference, "Run Events"."""

import asyncio
import logging

from tinstack.core.client import Session
from tinstack.core.db import Database
from tinstack.core.errors import ApiError
from tinstack.volume import store
from tinstack.volume.rows import ATTACHED, Attachment

log = logging.getLogger(__name__)

VERSION = "2.51"
TRIES, AGAIN_SECONDS = 10, 3.0


class Notices:
    """Events for the servers that have a volume."""

    def __init__(self, database: Database, session: Session) -> None:
        self._database, self._session = database, session

    async def extended(self, volume: str) -> None:
        """Guests may see the new size now. The volume has it in any case: where the compute service can't be told for some
        time, guests see it when they are started the next time."""
        rows = await self._database.all(store.ATTACHMENTS_OF, Attachment, key=volume)
        servers = [row.instance_id for row in rows if row.instance_id and row.status == ATTACHED]
        if not servers:
            return
        events = [{"name": "volume-extended", "server_uuid": server, "tag": volume} for server in servers]
        for left in reversed(range(TRIES)):
            try:
                await self._session.request(
                    "POST", "compute", "/os-server-external-events", json={"events": events}, version=VERSION, ok=(404,)
                )
                return
            except ApiError as error:
                log.warning("servers %s are not told yet that volume %s has grown: %s", servers, volume, error.text)
            if left:
                await asyncio.sleep(AGAIN_SECONDS)
