"""Volumes: their rules and their state changes. What takes long is an operation (``jobs.py``)."""

from typing import Any
from uuid import uuid4

import msgspec

from tinstack.core.clock import now_us
from tinstack.core.context import Context
from tinstack.core.db import Database, Duplicate, Transaction, to_json, values
from tinstack.core.errors import Conflict
from tinstack.core.operations import Operation
from tinstack.volume import store
from tinstack.volume import tables as t
from tinstack.volume.errors import Invalid, InvalidState, NoSuchSnapshot, NoSuchVolume
from tinstack.volume.images import Images, kept_metadata, least_gib
from tinstack.volume.quotas import Quotas
from tinstack.volume.rows import (
    ATTACHED,
    AVAILABLE,
    DELETING,
    ERROR,
    ERROR_DELETING,
    ERROR_EXTENDING,
    EXTENDING,
    IN_USE,
    Attachment,
    Snapshot,
    Type,
    Volume,
)
from tinstack.volume.types import Types
from tinstack.volume.work import Work

DELETABLE = {AVAILABLE, ERROR, ERROR_DELETING, ERROR_EXTENDING, "error_restoring", "error_managing"}

CREATE, DELETE, EXTEND = "volume.create", "volume.delete", "volume.extend"


class NewVolume(msgspec.Struct, kw_only=True):
    """What a create request says. ``id``, ``project_id`` and ``user_id``: chosen by one of our own services, for its user."""

    size: int | None = None
    name: str | None = None
    description: str | None = None
    metadata: dict[str, str] = {}
    availability_zone: str | None = None
    volume_type: str | None = None
    snapshot_id: str | None = None
    source_volid: str | None = None
    image_id: str | None = None
    multiattach: bool = False
    id: str | None = None
    project_id: str | None = None
    user_id: str | None = None


class Volumes:
    """The rules."""

    def __init__(self, database: Database, work: Work, quotas: Quotas, types: Types, images: Images, zone: str) -> None:
        self.database, self.work, self.quotas, self.types, self.images, self.zone = (
            database,
            work,
            quotas,
            types,
            images,
            zone,
        )

    async def get(self, context: Context, id: str) -> Volume:
        """A volume of the caller's project; admins and services get any. Raises NoSuchVolume."""
        row = await self.database.one(store.VOLUME, Volume, key=id)
        if row is None or not sees(context, row.project_id):
            raise NoSuchVolume(id=id)
        return row

    # --- create ---------------------------------------------------------------------------------

    async def create(self, context: Context, wanted: NewVolume) -> Volume:
        """A volume that is being created. Raises Invalid, OverLimit, NoSuchVolume, NoSuchSnapshot, NoSuchType."""
        if sum(source is not None for source in (wanted.snapshot_id, wanted.source_volid, wanted.image_id)) > 1:
            raise Invalid("Only one of snapshot_id, source_volid and imageRef may be given.")
        if wanted.availability_zone not in (None, self.zone):
            raise Invalid(f"Availability zone '{wanted.availability_zone}' is invalid.")
        volume = Volume(
            id=wanted.id or str(uuid4()),
            project_id=wanted.project_id or context.project_id or "",
            user_id=wanted.user_id or context.user_id,
            name=wanted.name,
            description=wanted.description,
            size=wanted.size or 0,
            availability_zone=self.zone,
            metadata=wanted.metadata,
            created_at=now_us(),
        )
        kind = await self._from_source(context, volume, wanted)
        kind = kind or await self.types.named(context, wanted.volume_type)
        volume.volume_type_id = kind.id
        volume.multiattach = kind.extra_specs.get("multiattach") == "<is> True"
        volume.backend = self.types.backend_of(kind)
        if volume.size < 1:
            raise Invalid("Volume size must be an integer greater than 0 (GiB).")
        return await self._insert(volume, kind)

    async def _from_source(self, context: Context, volume: Volume, wanted: NewVolume) -> Type | None:
        """Fill in what the source says; its type, where the request names none and the source has one."""
        source: Volume | None = None
        if wanted.snapshot_id:
            snapshot = await self._snapshot(context, wanted.snapshot_id)
            self._fit(volume, snapshot.size, "snapshot", snapshot.id)
            volume.snapshot_id = snapshot.id
            source = await self.database.one(store.VOLUME, Volume, key=snapshot.volume_id)
        elif wanted.source_volid:
            source = await self.get(context, wanted.source_volid)
            if source.status not in (AVAILABLE, IN_USE):
                raise Invalid(f"Invalid volume: Source volume {source.id} must be available or in-use.")
            self._fit(volume, source.size, "volume", source.id)
            volume.source_volid = source.id
        elif wanted.image_id:
            image = await self.images.show(wanted.image_id, context)
            self._fit(volume, least_gib(image), "image", wanted.image_id)
            volume.image_id, volume.image_metadata, volume.bootable = wanted.image_id, kept_metadata(image), True
            if wanted.volume_type is None and image.get("cinder_img_volume_type"):
                return await self.types.named(context, str(image["cinder_img_volume_type"]))
        if source:
            volume.bootable, volume.image_metadata = source.bootable, source.image_metadata
            if wanted.volume_type is None and source.volume_type_id:
                return (await store.types(self.database)).get(source.volume_type_id)
        return None

    async def _snapshot(self, context: Context, id: str) -> Snapshot:
        row = await self.database.one(store.SNAPSHOT, Snapshot, key=id)
        if row is None or not sees(context, row.project_id):
            raise NoSuchSnapshot(id=id)
        if row.status != AVAILABLE:
            raise Invalid(f"Invalid snapshot: Originating snapshot status must be available, not {row.status}.")
        return row

    def _fit(self, volume: Volume, least: int, what: str, id: str) -> None:
        if not volume.size and what != "image":
            volume.size = least
        if volume.size and volume.size < least:
            raise Invalid(f"Volume size {volume.size} GiB is smaller than the {what} {id} needs: {least} GiB.")

    async def _insert(self, volume: Volume, kind: Type) -> Volume:
        async def work(tx: Transaction) -> Operation:
            taken = {"volumes": 1, "gigabytes": volume.size}
            await self.quotas.take(tx, volume.project_id, taken, kind.name, volume.size)
            await tx.run(store.ADD_VOLUME, **values(volume))
            return await self.work.open(tx, CREATE, volume.id, volume.project_id)

        try:
            self.work.begin(await self.database.transact(work))
        except Duplicate as error:
            raise Conflict(f"The volume id {volume.id} is taken.") from error
        return volume

    # --- delete, extend ---------------------------------------------------------------------------

    async def delete(self, volume: Volume, *, cascade: bool = False, force: bool = False) -> None:
        """Begin to delete. Raises InvalidState."""

        async def work(tx: Transaction) -> Operation:
            row = await tx.one(store.VOLUME, Volume, key=volume.id)
            if row is None:
                raise NoSuchVolume(id=volume.id)
            attachments = await tx.all(store.ATTACHMENTS_OF, Attachment, key=row.id)
            snapshots = await tx.all(store.SNAPSHOTS_OF, Snapshot, key=row.id)
            if not force and (row.status not in DELETABLE or attachments):
                raise InvalidState(why=_WHY_KEPT)
            if snapshots and not cascade:
                raise InvalidState(why=_WHY_KEPT)
            if any(snapshot.status not in (AVAILABLE, ERROR) for snapshot in snapshots):
                raise InvalidState(why="a snapshot of the volume is not in the status available or error.")
            await self._swap(tx, row, DELETING)
            for snapshot in snapshots:
                await tx.run(
                    store.SWAP_SNAPSHOT, key=snapshot.id, old=snapshot.status, new=DELETING, part="100%", now=now_us()
                )
            await tx.run(t.attachments.delete().where(t.attachments.c.volume_id == row.id))
            data = {"snapshots": [snapshot.id for snapshot in snapshots]}
            return await self.work.open(tx, DELETE, row.id, row.project_id, data)

        self.work.begin(await self.database.transact(work))

    async def extend(self, volume: Volume, size: int, *, attached: bool = False) -> None:
        """Begin to extend; ``attached``: one that is in use. Raises InvalidState, Invalid, OverLimit."""
        kinds = await store.types(self.database)

        async def work(tx: Transaction) -> Operation:
            if volume.status != (IN_USE if attached else AVAILABLE):
                raise InvalidState(why=f"Volume status must be available to extend, but is {volume.status}.")
            if size <= volume.size:
                why = f"New size for extend must be greater than current size. (current: {volume.size}, extended: {size})."
                raise Invalid(f"Invalid input received: {why}")
            kind = kinds.get(volume.volume_type_id or "")
            more = {"gigabytes": size - volume.size}
            await self.quotas.take(tx, volume.project_id, more, kind.name if kind else None, size)
            await self._swap(tx, volume, EXTENDING)
            await tx.run(t.volumes.update().where(t.volumes.c.id == volume.id).values(size=size))
            return await self.work.open(
                tx, EXTEND, volume.id, volume.project_id, {"size": size, "was": volume.size, "attached": attached}
            )

        self.work.begin(await self.database.transact(work))

    # --- small changes ------------------------------------------------------------------------------

    async def swap(self, volume: Volume, new: str) -> None:
        """Change the status as it was read. Raises InvalidState when it changed meanwhile."""

        async def work(tx: Transaction) -> None:
            await self._swap(tx, volume, new)

        await self.database.transact(work)

    async def _swap(self, tx: Transaction, volume: Volume, new: str) -> None:
        if not await tx.run(store.SWAP_VOLUME, key=volume.id, old=volume.status, new=new, now=now_us()):
            raise InvalidState(why=f"the status of volume {volume.id} is not {volume.status} any more.")

    async def put(self, volume: Volume, **columns: Any) -> None:
        """Write some columns (not the status, which is swapped)."""
        shown = {name: to_json(value) if isinstance(value, dict) else value for name, value in columns.items()}
        shown = {name: int(value) if isinstance(value, bool) else value for name, value in shown.items()}

        async def work(tx: Transaction) -> None:
            if not await tx.run(
                t.volumes.update().where(t.volumes.c.id == volume.id).values(**shown, updated_at=now_us())
            ):
                raise NoSuchVolume(id=volume.id)

        await self.database.transact(work)

    async def reset(self, volume: Volume, status: str | None, attach_status: str | None) -> None:
        """Whatever an admin says it is; ``detached`` forgets the attachments."""

        async def work(tx: Transaction) -> None:
            if status is not None:
                columns = {"status": status, "previous_status": volume.status, "updated_at": now_us()}
                await tx.run(t.volumes.update().where(t.volumes.c.id == volume.id).values(**columns))
            if attach_status == "detached":
                await tx.run(t.attachments.delete().where(t.attachments.c.volume_id == volume.id))

        await self.database.transact(work)


_WHY_KEPT = (
    "Volume status must be available or error or error_restoring or error_extending or error_managing and must not be "
    "migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from snapshots after "
    "volume transfer."
)


def sees(context: Context, project: str) -> bool:
    """Whether the caller may know of something of that project."""
    return context.is_admin or context.is_service or context.project_id == project


def attach_status(attachments: list[Attachment]) -> str:
    """``attached`` or ``detached``."""
    return ATTACHED if any(one.status == ATTACHED for one in attachments) else "detached"
