"""What the compute service is told of volumes. Source: compute API reference, "Run Events"."""

from tinstack.core.client import Session
from tinstack.core.db import Database
from tinstack.volume import store
from tinstack.volume.rows import ATTACHED, Attachment

VERSION = "2.51"


class Notices:
    """Events for the servers that have a volume."""

    def __init__(self, database: Database, session: Session) -> None:
        self._database, self._session = database, session

    async def extended(self, volume: str) -> None:
        """Guests may see the new size now. Raises RemoteError, ServiceUnreachable."""
        rows = await self._database.all(store.ATTACHMENTS_OF, Attachment, key=volume)
        servers = [row.instance_id for row in rows if row.instance_id and row.status == ATTACHED]
        if not servers:
            return
        events = [{"name": "volume-extended", "server_uuid": server, "tag": volume} for server in servers]
        await self._session.request(
            "POST", "compute", "/os-server-external-events", json={"events": events}, version=VERSION, ok=(404,)
        )
