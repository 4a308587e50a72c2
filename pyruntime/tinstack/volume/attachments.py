"""Attachments: a volume reserved for a server, connected to a host, in use. Source: Block Storage API v3, Attachments (3.27).

Our own services give an attachment's id when they reserve it, so that the same request twice reserves once.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from tinstack.core.bus import Envelope
from tinstack.core.client import RemoteError, Session
from tinstack.core.clock import now_us
from tinstack.core.context import Context
from tinstack.core.db import Database, Duplicate, Transaction, to_json, values
from tinstack.core.errors import ApiError, Conflict, Forbidden
from tinstack.volume import store
from tinstack.volume import tables as t
from tinstack.volume.drivers.interface import Connected, Driver
from tinstack.volume.errors import Invalid, InvalidState, NoSuchAttachment, NoSuchVolume
from tinstack.volume.rows import (
    ATTACHED,
    ATTACHING,
    AVAILABLE,
    DETACHING,
    IN_USE,
    RESERVED,
    Attachment,
    Backend,
    Volume,
)
from tinstack.volume.rpc import DiskWaits
from tinstack.volume.volumes import sees

log = logging.getLogger(__name__)


class UsedByServer(Conflict):
    """409: the compute service has this attachment; it is detached there."""

    code = "volume.attachment.used"
    message = "Detach volume from instance {server} using the Compute API"


class Attachments:
    """The rules."""

    def __init__(self, database: Database, drivers: Mapping[str, Driver], session: Session) -> None:
        self.database, self.drivers, self._session = database, drivers, session

    async def get(self, context: Context, id: str) -> Attachment:
        """By id. A launch token gets those of its server on its host's behalf. Raises NoSuchAttachment."""
        row = await self.database.one(store.ATTACHMENT, Attachment, key=id)
        if row is not None and context.launch is not None:
            if row.instance_id != context.launch.server:
                raise Forbidden("This launch token is not for that server's volumes.")
            return row
        if row is None or not sees(context, row.project_id):
            raise NoSuchAttachment(id=id)
        return row

    async def create(
        self,
        volume: Volume,
        instance: str | None,
        *,
        mode: str = "rw",
        id: str | None = None,
        mountpoint: str | None = None,
        status: str = RESERVED,
    ) -> Attachment:
        """Reserve. Raises InvalidState. With an ``id`` that is there already for the same volume and server: that one."""
        made = Attachment(
            id=id or str(uuid4()),
            volume_id=volume.id,
            project_id=volume.project_id,
            instance_id=instance,
            status=status,
            mode=mode,
            mountpoint=mountpoint,
            created_at=now_us(),
        )

        async def work(tx: Transaction) -> Attachment:
            row = await tx.one(store.VOLUME, Volume, key=volume.id)
            if row is None:
                raise NoSuchVolume(id=volume.id)
            there = await tx.all(store.ATTACHMENTS_OF, Attachment, key=row.id)
            same = next((one for one in there if one.id == id), None)
            if same and same.instance_id == instance:
                return same
            if row.status != AVAILABLE and not (row.multiattach and row.status in (IN_USE, RESERVED, ATTACHING)):
                raise InvalidState(
                    why=f"Volume {row.id} status must be available or downloading to reserve, but the current status is {row.status}."
                )
            if not await tx.run(
                store.SWAP_VOLUME, key=row.id, old=row.status, new=status_of([*there, made]), now=now_us()
            ):
                raise InvalidState(why=f"the status of volume {row.id} is not {row.status} any more.")
            await tx.run(store.ADD_ATTACHMENT, **values(made))
            return made

        try:
            return await self.database.transact(work)
        except Duplicate as error:
            raise Conflict(f"The attachment id {made.id} is taken.") from error

    async def connect(self, attachment: Attachment, connector: dict[str, Any]) -> Attachment:
        """How the connector's host reaches the volume (step 27); the same host asking again gets the same."""
        volume = await self._volume(attachment)
        if attachment.host is not None and attachment.host != connector.get("host") and not volume.multiattach:
            raise InvalidState(why=f"attachment {attachment.id} is connected to host {attachment.host}.")
        driver = self.drivers.get(volume.backend or "")
        if driver is None:
            raise Invalid(f"The backend '{volume.backend}' of volume {volume.id} is not there.")
        info = await driver.connect(volume.id, attachment.id, connector, attachment.mode)
        status = ATTACHED if attachment.status == ATTACHED else ATTACHING
        await self._write(
            attachment,
            status=status,
            connector=connector,
            connection_info=info,
            host=connector.get("host"),
            mountpoint=connector.get("mountpoint") or attachment.mountpoint,
        )
        return attachment

    async def resume(self) -> None:
        """What hosts were told how to reach is reached so, and nothing else is: after a restart, and when an export died."""
        rows = await self.database.all(store.ATTACHMENTS, Attachment)
        backends = {row.id: row.backend for row in await self.database.all(store.BACKENDS, Backend)}
        for name, driver in self.drivers.items():
            connected = [_connected(row) for row in rows if row.connection_info and backends.get(row.volume_id) == name]
            for step in (driver.resume(connected), self._end_strays(driver)):
                try:
                    await step
                except ApiError as error:
                    log.error("not all volumes of backend %s are reached: %s", name, error.text)

    async def _end_strays(self, driver: Driver) -> None:
        """An export is younger than its row: what has none now, after the exports were looked at, has none any more."""
        exported = await driver.exports()
        known = {row.id for row in await self.database.all(store.ATTACHMENTS, Attachment)} if exported else set()
        for volume, attachment in exported:
            if attachment not in known:
                await driver.disconnect(volume, attachment)

    async def waits(self, message: DiskWaits, envelope: Envelope) -> None:
        """A guest waits for a volume: what its host was told to reach is looked at now."""
        rows = await self.database.all(store.ATTACHMENTS_OF_SERVER, Attachment, key=message.server_id)
        for row in (row for row in rows if row.connection_info and row.host == envelope.host):
            volume = await self._volume(row)
            if driver := self.drivers.get(volume.backend or ""):
                await driver.resume([_connected(row)])

    async def complete(self, attachment: Attachment) -> None:
        """The server has it: the volume is in use."""
        await self._write(attachment, status=ATTACHED, attached_at=now_us())

    async def attached(
        self, volume: Volume, instance: str | None, mountpoint: str, mode: str, host: str | None
    ) -> None:
        """The older way (os-attach): in use at once."""
        rows = await self.database.all(store.ATTACHMENTS_OF, Attachment, key=volume.id)
        row = next((one for one in rows if one.instance_id == instance and one.status != ATTACHED), None)
        if row is None and volume.status == ATTACHING and not rows:
            await self._set_status(volume, AVAILABLE)
        if row is None:
            row = await self.create(volume, instance, mode=mode, mountpoint=mountpoint, status=ATTACHING)
        await self._write(row, status=ATTACHED, attached_at=now_us(), mountpoint=mountpoint, host=host)

    async def delete(self, attachment: Attachment) -> list[Attachment]:
        """Disconnect and forget; what the volume still has."""
        volume = await self.database.one(store.VOLUME, Volume, key=attachment.volume_id)
        driver = self.drivers.get(volume.backend or "") if volume else None
        if driver:
            await driver.disconnect(attachment.volume_id, attachment.id)

        async def work(tx: Transaction) -> list[Attachment]:
            await tx.run(store.DELETE_ATTACHMENT, key=attachment.id)
            left = await tx.all(store.ATTACHMENTS_OF, Attachment, key=attachment.volume_id)
            await self._follow(tx, attachment.volume_id, left)
            return left

        return await self.database.transact(work)

    async def refuse_used(self, context: Context, attachment: Attachment) -> None:
        """Only our services take away what the compute service has. Raises UsedByServer."""
        if context.is_service or attachment.instance_id is None:
            return
        path = f"/servers/{attachment.instance_id}/os-volume_attachments/{attachment.volume_id}"
        try:
            answer = await self._session.request("GET", "compute", path, version="2.89")
        except RemoteError as error:
            if error.remote_status in (400, 404):
                return
            raise
        if answer.json()["volumeAttachment"].get("attachment_id") == attachment.id:
            raise UsedByServer(server=attachment.instance_id)

    async def _volume(self, attachment: Attachment) -> Volume:
        volume = await self.database.one(store.VOLUME, Volume, key=attachment.volume_id)
        if volume is None:
            raise NoSuchVolume(id=attachment.volume_id)
        return volume

    async def _write(self, attachment: Attachment, **columns: Any) -> None:
        for name, value in columns.items():
            setattr(attachment, name, value)
        shown = {name: to_json(value) if isinstance(value, dict) else value for name, value in columns.items()}

        async def work(tx: Transaction) -> None:
            if not await tx.run(t.attachments.update().where(t.attachments.c.id == attachment.id).values(**shown)):
                raise NoSuchAttachment(id=attachment.id)
            rows = await tx.all(store.ATTACHMENTS_OF, Attachment, key=attachment.volume_id)
            await self._follow(tx, attachment.volume_id, rows)

        await self.database.transact(work)

    async def _follow(self, tx: Transaction, volume: str, rows: list[Attachment]) -> None:
        """The volume's status follows its attachments."""
        row = await tx.one(store.VOLUME, Volume, key=volume)
        if row and row.status in (AVAILABLE, RESERVED, ATTACHING, IN_USE, DETACHING) and row.status != status_of(rows):
            await tx.run(store.SWAP_VOLUME, key=volume, old=row.status, new=status_of(rows), now=now_us())

    async def _set_status(self, volume: Volume, new: str) -> None:
        async def work(tx: Transaction) -> None:
            await tx.run(store.SWAP_VOLUME, key=volume.id, old=volume.status, new=new, now=now_us())

        await self.database.transact(work)
        volume.status = new


def _connected(row: Attachment) -> Connected:
    return Connected(
        host=row.host or "",
        volume=row.volume_id,
        attachment=row.id,
        mode=row.mode,
        connection=row.connection_info or {},
    )


def status_of(rows: Sequence[Attachment]) -> str:
    """A volume's: the least that any of them has come to, so that a client who waits for ``in-use`` waits for all servers."""
    found = {row.status for row in rows}
    if RESERVED in found:
        return RESERVED
    if ATTACHING in found:
        return ATTACHING
    return IN_USE if found else AVAILABLE
