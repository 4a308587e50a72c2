"""The long operations themselves. Each may be begun again after its first owner died: drivers do nothing twice."""

from collections.abc import Mapping

from tinstack.core.clock import now_us
from tinstack.core.db import Database, Transaction
from tinstack.core.operations import Operation, Operations
from tinstack.volume import snapshots, store, volumes
from tinstack.volume import tables as t
from tinstack.volume.attachments import status_of
from tinstack.volume.drivers.interface import Driver, DriverFailed, Source
from tinstack.volume.images import Images
from tinstack.volume.notices import Notices
from tinstack.volume.rows import (
    AVAILABLE,
    CREATING,
    DELETING,
    ERROR,
    ERROR_DELETING,
    ERROR_EXTENDING,
    EXTENDING,
    IN_USE,
    UPLOADING,
    Attachment,
    Snapshot,
    Volume,
)
from tinstack.volume.uploads import UPLOAD, Uploads


class NoBackend(DriverFailed):
    message = "No backend fits the volume's type: {why}"


class Jobs:
    """``drive`` and ``undo`` of ``work.Work``."""

    def __init__(
        self,
        database: Database,
        operations: Operations,
        drivers: Mapping[str, Driver],
        images: Images,
        uploads: Uploads,
        notices: Notices,
    ) -> None:
        self.database, self.operations, self.drivers, self.images = database, operations, drivers, images
        self._uploads, self._notices = uploads, notices
        self._kinds = {
            volumes.CREATE: self._create_volume,
            volumes.DELETE: self._delete_volume,
            volumes.EXTEND: self._extend_volume,
            UPLOAD: self._upload_volume,
            snapshots.CREATE: self._create_snapshot,
            snapshots.DELETE: self._delete_snapshot,
        }

    async def drive(self, operation: Operation) -> None:
        """Do it and end it."""
        await self._kinds[operation.kind](operation)

    def _driver(self, name: str | None) -> Driver:
        if name is None or name not in self.drivers:
            raise NoBackend(why=f"there is no backend '{name}'")
        return self.drivers[name]

    async def _volume(self, id: str) -> Volume | None:
        return await self.database.one(store.VOLUME, Volume, key=id)

    # --- volumes --------------------------------------------------------------------------------

    async def _create_volume(self, operation: Operation) -> None:
        volume = await self._volume(operation.subject)
        if volume and volume.status == CREATING:
            driver = self._driver(volume.backend)
            if volume.image_id:
                disk_format = volume.image_metadata.get("disk_format", "raw")
                await driver.create_from_image(volume.id, volume.size, disk_format, self.images.data(volume.image_id))
            elif volume.snapshot_id:
                await driver.create_from(volume.id, volume.size, Source("snapshot", volume.snapshot_id))
            elif volume.source_volid:
                await driver.create_from(volume.id, volume.size, Source("volume", volume.source_volid))
            else:
                await driver.create(volume.id, volume.size)
        await self._end_volume(operation, CREATING, AVAILABLE)

    async def _delete_volume(self, operation: Operation) -> None:
        volume = await self._volume(operation.subject)
        gone: list[str] = operation.data.get("snapshots", [])
        if volume and volume.backend and volume.backend in self.drivers:
            driver = self.drivers[volume.backend]
            for snapshot in gone:
                await driver.delete_snapshot(snapshot)
            await driver.delete(volume.id)

        async def work(tx: Transaction) -> None:
            await tx.run(store.DELETE_VOLUME, key=operation.subject)
            await tx.run(t.snapshots.delete().where(t.snapshots.c.volume_id == operation.subject))
            await tx.run(t.transfers.delete().where(t.transfers.c.volume_id == operation.subject))
            await self.operations.end(tx, operation.id)

        await self.database.transact(work)

    async def _extend_volume(self, operation: Operation) -> None:
        volume = await self._volume(operation.subject)
        if volume and volume.status == EXTENDING:
            await self._driver(volume.backend).extend(volume.id, operation.data["size"])
        attached = operation.data.get("attached", False)
        if attached:
            await self._notices.extended(operation.subject)
        await self._end_volume(operation, EXTENDING, IN_USE if attached else AVAILABLE)

    async def _upload_volume(self, operation: Operation) -> None:
        volume = await self._volume(operation.subject)
        if volume and volume.status == UPLOADING:
            await self._uploads.fill(self._driver(volume.backend), operation)
        await self._end_volume(operation, UPLOADING, operation.data["was"])

    async def _end_volume(self, operation: Operation, old: str, new: str) -> None:
        async def work(tx: Transaction) -> None:
            status = await _now(tx, operation.subject, new)
            await tx.run(store.SWAP_VOLUME, key=operation.subject, old=old, new=status, now=now_us())
            await self.operations.end(tx, operation.id)

        await self.database.transact(work)

    # --- snapshots ------------------------------------------------------------------------------

    async def _create_snapshot(self, operation: Operation) -> None:
        snapshot = await self.database.one(store.SNAPSHOT, Snapshot, key=operation.subject)
        if snapshot and snapshot.status == CREATING:
            volume = await self._volume(snapshot.volume_id)
            if volume is None:
                raise DriverFailed(what="the snapshot", why=f"volume {snapshot.volume_id} is gone")
            await self._driver(volume.backend).create_snapshot(snapshot.id, volume.id)
        await self._end_snapshot(operation, CREATING, AVAILABLE)

    async def _delete_snapshot(self, operation: Operation) -> None:
        snapshot = await self.database.one(store.SNAPSHOT, Snapshot, key=operation.subject)
        volume = await self._volume(snapshot.volume_id) if snapshot else None
        if volume and volume.backend and volume.backend in self.drivers:
            await self.drivers[volume.backend].delete_snapshot(operation.subject)

        async def work(tx: Transaction) -> None:
            await tx.run(store.DELETE_SNAPSHOT, key=operation.subject)
            await self.operations.end(tx, operation.id)

        await self.database.transact(work)

    async def _end_snapshot(self, operation: Operation, old: str, new: str) -> None:
        async def work(tx: Transaction) -> None:
            await tx.run(store.SWAP_SNAPSHOT, key=operation.subject, old=old, new=new, part="100%", now=now_us())
            await self.operations.end(tx, operation.id)

        await self.database.transact(work)

    # --- failure ----------------------------------------------------------------------------------

    async def undo(self, operation: Operation, reason: str) -> None:
        """Show that it failed; a volume that could not grow has its old size again, an image without data is gone."""
        if operation.kind == UPLOAD:
            await self._uploads.drop(operation.data["image_id"])

        async def work(tx: Transaction) -> None:
            id, now = operation.subject, now_us()
            swap_volume = {CREATING: ERROR, DELETING: ERROR_DELETING, EXTENDING: ERROR_EXTENDING}
            if operation.kind == UPLOAD:
                swap_volume = {UPLOADING: await _now(tx, id, operation.data["was"])}
            if operation.kind.startswith("volume."):
                for old, new in swap_volume.items():
                    await tx.run(store.SWAP_VOLUME, key=id, old=old, new=new, now=now)
                if operation.kind == volumes.EXTEND:
                    await tx.run(t.volumes.update().where(t.volumes.c.id == id).values(size=operation.data["was"]))
            else:
                await tx.run(store.SWAP_SNAPSHOT, key=id, old=CREATING, new=ERROR, part="0%", now=now)
                await tx.run(store.SWAP_SNAPSHOT, key=id, old=DELETING, new=ERROR_DELETING, part="100%", now=now)
            for snapshot in operation.data.get("snapshots", []):
                await tx.run(store.SWAP_SNAPSHOT, key=snapshot, old=DELETING, new=ERROR_DELETING, part="100%", now=now)
            await self.operations.end(tx, operation.id, {"message": reason})

        await self.database.transact(work)


async def _now(tx: Transaction, volume: str, was: str) -> str:
    """The status of one that was so before its operation: what was in use may have been detached meanwhile."""
    if was != IN_USE:
        return was
    return status_of(await tx.all(store.ATTACHMENTS_OF, Attachment, key=volume))
