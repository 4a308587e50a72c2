"""The host's image cache: one download per image, checksum compared, shared by all guests (steps 19 and 21)."""

import asyncio
import hashlib
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec

from tinstack.compute.errors import ImageCorrupt
from tinstack.core.client import Http

CHUNK = 1 << 20


class CachedImage(msgspec.Struct, frozen=True, kw_only=True):
    """``path``: the file in the cache; ``format``: raw, qcow2 …; ``properties``: what the image service says of it."""

    path: Path
    format: str
    properties: dict[str, Any]


class ImageCache:
    """Files named by image id; a part that is being written has another name until it is whole."""

    def __init__(self, folder: Path, http: Http) -> None:
        self._folder, self._http = folder, http
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def has(self, id: str) -> bool:
        """Whether the image is here already."""
        return (self._folder / id).exists()

    async def metadata(self, url: str, id: str, token: str) -> dict[str, Any]:
        """Step 21: what the image service says of the image."""
        answer = await self._http.send("GET", f"{url}/v2/images/{id}", token=token, service="image")
        found: dict[str, Any] = answer.json()
        return found

    async def fetch(self, url: str, image: dict[str, Any], token: str) -> bool:
        """Step 19: have the file; False where it was here. Raises ImageCorrupt."""
        id: str = image["id"]
        async with self._locks[id]:
            if self.has(id):
                os.utime(self._folder / id)
                return False
            await self._download(f"{url}/v2/images/{id}/file", image, token)
            return True

    def cached(self, image: dict[str, Any]) -> CachedImage:
        """The image, once it was fetched."""
        return CachedImage(path=self._folder / image["id"], format=image["disk_format"], properties=image)

    async def _download(self, url: str, image: dict[str, Any], token: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f".{image['id']}.part"
        hasher = hashlib.new(image.get("os_hash_algo") or "sha512")
        try:
            with part.open("wb") as file:
                async with self._http.stream("GET", url, token=token, service="image") as response:
                    async for chunk in response.content.iter_chunked(CHUNK):
                        await asyncio.to_thread(_take, file, hasher, chunk)
                os.fchmod(file.fileno(), 0o640)
            wanted = image.get("os_hash_value")
            if wanted and hasher.hexdigest() != wanted:
                raise ImageCorrupt(id=image["id"], got=hasher.hexdigest()[:16], wanted=wanted[:16])
            part.rename(self._folder / image["id"])
        finally:
            part.unlink(missing_ok=True)


def _take(file: Any, hasher: Any, chunk: bytes) -> None:
    file.write(chunk)
    hasher.update(chunk)
