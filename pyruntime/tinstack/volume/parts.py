"""What handlers are given."""

from collections.abc import Mapping
from dataclasses import dataclass

from tinstack.core.auth import trace_token
from tinstack.core.db import Database
from tinstack.core.http import Request
from tinstack.core.trace import Tracer
from tinstack.volume.attachments import Attachments
from tinstack.volume.config import Config
from tinstack.volume.drivers.interface import Driver
from tinstack.volume.quotas import Quotas
from tinstack.volume.rows import Snapshot, Volume
from tinstack.volume.snapshots import Snapshots
from tinstack.volume.transfers import Transfers
from tinstack.volume.types import Types
from tinstack.volume.uploads import Uploads
from tinstack.volume.volumes import Volumes


@dataclass(frozen=True)
class Parts:
    """The service's parts."""

    config: Config
    database: Database
    volumes: Volumes
    snapshots: Snapshots
    attachments: Attachments
    transfers: Transfers
    types: Types
    quotas: Quotas
    uploads: Uploads
    drivers: Mapping[str, Driver]
    tracer: Tracer

    async def volume(self, request: Request, rule: str) -> Volume:
        """The volume that the path names, after its policy."""
        found = await self.volumes.get(request.context, request.path["volume_id"])
        request.authorize(rule, {"project_id": found.project_id, "user_id": found.user_id})
        return found

    async def snapshot(self, request: Request, rule: str) -> Snapshot:
        """The snapshot that the path names, after its policy."""
        found = await self.snapshots.get(request.context, request.path["snapshot_id"])
        request.authorize(rule, {"project_id": found.project_id, "user_id": found.user_id})
        return found

    def trace_token(self, request: Request) -> None:
        """Step 26: how the launch token of this request was checked."""
        trace_token(self.tracer, 26, request.context)
