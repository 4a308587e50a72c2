"""The image service as the volume service needs it."""

import re
from collections.abc import AsyncIterator
from typing import Any

from tinstack.core.client import RemoteError, Session
from tinstack.core.context import Context
from tinstack.volume.errors import Invalid
from tinstack.volume.schemas.bodies import UUID

GIB = 1 << 30
CHUNK = 1024 * 1024

_BASE = {"checksum", "container_format", "disk_format", "min_disk", "min_ram", "size"}
_NOT_COPIED = {
    "id", "name", "visibility", "status", "protected", "owner", "os_hidden", "os_hash_algo", "os_hash_value", "created_at",
    "updated_at", "tags", "self", "file", "schema", "stores", "virtual_size", "locations", "direct_url",
}  # fmt: skip


class Images:
    """Looks at images with the caller's eyes, reads their data as the service itself."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def show(self, id: str, context: Context) -> dict[str, Any]:
        """The image as the caller sees it. Raises Invalid where it can't be used."""
        if not re.fullmatch(UUID["pattern"], id):
            raise Invalid(f"Invalid image identifier or unable to access requested image: {id[:255]}.")
        url = f"{await self._session.endpoint('image')}/v2/images/{id}"
        try:
            headers = await self._session.on_behalf(context)
            answer = await self._session.send("GET", url, token=context.token, headers=headers, service="image")
        except RemoteError as error:
            if error.remote_status in (401, 403, 404):
                raise Invalid(f"Invalid image identifier or unable to access requested image: {id}.") from error
            raise
        image: dict[str, Any] = answer.json()
        if image["status"] != "active":
            raise Invalid(f"Image {id} is not active.")
        return image

    async def data(self, id: str) -> AsyncIterator[bytes]:
        """The image's data in chunks."""
        url = f"{await self._session.endpoint('image')}/v2/images/{id}/file"
        token = await self._session.token()
        async with self._session.stream("GET", url, token=token, service="image") as response:
            async for chunk in response.content.iter_chunked(CHUNK):
                yield chunk


def least_gib(image: dict[str, Any]) -> int:
    """The size that a volume of that image needs."""
    size = max(int(image.get("size") or 0), int(image.get("virtual_size") or 0))
    return max(-(-size // GIB), int(image.get("min_disk") or 0))


def kept_metadata(image: dict[str, Any]) -> dict[str, str]:
    """What a volume remembers of its image."""
    found = {"image_id": str(image["id"]), "image_name": str(image.get("name") or "")}
    for name, value in image.items():
        if name in _BASE or name not in _NOT_COPIED:
            found[name] = "" if value is None else str(value)
    return found
