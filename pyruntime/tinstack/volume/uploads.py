"""Images made of volumes: the record by the caller's own token, then the data by an operation.

Source: Block Storage API v3 reference, "Upload volume to image".
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from tinstack.core.client import RemoteError, Session
from tinstack.core.clock import now_us
from tinstack.core.context import Context
from tinstack.core.db import Database, Transaction
from tinstack.core.errors import ApiError, Conflict, Forbidden
from tinstack.core.operations import Operation
from tinstack.volume import store
from tinstack.volume.drivers.interface import Driver
from tinstack.volume.errors import Invalid, InvalidState, OverLimit
from tinstack.volume.images import CHUNK
from tinstack.volume.rows import AVAILABLE, IN_USE, UPLOADING, Volume
from tinstack.volume.work import Work

UPLOAD = "volume.upload"
SECONDS = 3600.0

_NOT_PROPERTIES = {
    "image_id", "image_name", "checksum", "container_format", "disk_format", "size", "min_disk", "min_ram", "os_hash_algo",
    "os_hash_value", "signature_verified",
}  # fmt: skip

Body = dict[str, Any]


class Uploads:
    """The rules, and the calls of the operation."""

    def __init__(self, database: Database, work: Work, session: Session) -> None:
        self.database, self.work, self._session = database, work, session

    async def begin(self, context: Context, volume: Volume, wanted: Body, force: bool) -> Body:
        """The image's record; ``force``: also of one in use. Raises InvalidState, Invalid, Forbidden, Conflict, OverLimit."""
        allowed = (AVAILABLE, IN_USE) if force else (AVAILABLE,)
        if volume.status not in allowed:
            raise InvalidState(
                why=f"Volume {volume.id} status must be {' or '.join(allowed)}, but current status is: {volume.status}."
            )
        kept = {name: value for name, value in volume.image_metadata.items() if name not in _NOT_PROPERTIES}
        body = {
            **kept,
            "id": str(uuid4()),
            "name": wanted["image_name"],
            "disk_format": wanted.get("disk_format") or "raw",
            "container_format": wanted.get("container_format") or "bare",
            "visibility": wanted.get("visibility") or "private",
            "protected": wanted.get("protected", False),
            "min_disk": _count(volume.image_metadata.get("min_disk")),
            "min_ram": _count(volume.image_metadata.get("min_ram")),
        }
        url = f"{await self._session.endpoint('image')}/v2/images"
        try:
            answer = await self._session.send("POST", url, token=context.token, json=body, service="image")
        except RemoteError as error:
            kinds: dict[int, type[ApiError]] = {400: Invalid, 403: Forbidden, 409: Conflict, 413: OverLimit}
            raise (kinds[error.remote_status](error.text) if error.remote_status in kinds else error) from error
        image: Body = answer.json()

        async def work(tx: Transaction) -> Operation:
            if not await tx.run(store.SWAP_VOLUME, key=volume.id, old=volume.status, new=UPLOADING, now=now_us()):
                raise InvalidState(why=f"the status of volume {volume.id} is not {volume.status} any more.")
            data = {"image_id": image["id"], "disk_format": image["disk_format"], "was": volume.status}
            return await self.work.open(tx, UPLOAD, volume.id, volume.project_id, data)

        try:
            self.work.begin(await self.database.transact(work))
        except ApiError:
            await self.drop(image["id"])
            raise
        return image

    async def fill(self, driver: Driver, operation: Operation) -> None:
        """The volume's content into the image, unless it is there already. Raises DriverFailed, RemoteError."""
        id, disk_format = operation.data["image_id"], operation.data["disk_format"]
        image = (await self._session.request("GET", "image", f"/v2/images/{id}")).json()
        if image["status"] == "active":
            return
        url = f"{await self._session.endpoint('image')}/v2/images/{id}/file"
        headers = {"Content-Type": "application/octet-stream"}
        async with driver.content(operation.subject, disk_format) as path:
            token = await self._session.token()
            await self._session.send(
                "PUT", url, token=token, data=_chunks(path), headers=headers, service="image", seconds=SECONDS
            )

    async def drop(self, id: str) -> None:
        """An image that could not be filled is absent."""
        await self._session.request("DELETE", "image", f"/v2/images/{id}", ok=(403, 404))


def _count(text: str | None) -> int:
    """A number of the image's that the user may have overwritten."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else 0


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk
