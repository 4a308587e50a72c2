"""The host's image cache: one download per image, checksum compared, shared by all guests (steps 19 and 21)."""

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec

from tinstack.compute.errors import ImageCorrupt
from tinstack.compute.steps import Steps
from tinstack.core import trace
from tinstack.core.client import Http

CHUNK = 1 << 20
USUAL = "sha512"


class CachedImage(msgspec.Struct, frozen=True, kw_only=True):
    """``path``: the file in the cache; ``format``: raw, qcow2 …; ``properties``: what the image service says of it."""

    path: Path
    format: str
    properties: dict[str, Any]


class ImageCache:
    """Files named by image id; a part that is being written has another name until it is whole and proven."""

    def __init__(self, folder: Path, http: Http) -> None:
        self._folder, self._http = folder, http
        self._coming: dict[str, asyncio.Event] = {}

    async def get(self, url: str, id: str, token: str, steps: Steps) -> CachedImage:
        """Steps 19 and 21: the file, fetched where it is not here yet, and what the image service says of it.

        Raises StepFailed.
        """
        mine = False
        try:
            async with steps.step(19) as fetching:
                mine = await self._is_mine_to_fetch(id)
                if mine:
                    digest = await self._download(f"{url}/v2/images/{id}/file", id, token)
                else:
                    fetching.outcome = trace.CACHED
            async with steps.step(21):
                answer = await self._http.send("GET", f"{url}/v2/images/{id}", token=token, service="image")
                image: dict[str, Any] = answer.json()
                if mine:
                    await self._prove(id, image, digest)
        finally:
            if mine:
                self._part(id).unlink(missing_ok=True)
                self._coming.pop(id).set()
        return CachedImage(path=self._folder / id, format=image["disk_format"], properties=image)

    async def _is_mine_to_fetch(self, id: str) -> bool:
        """False once it is here; whoever is told True fetches it, others wait for him."""
        while True:
            if (self._folder / id).exists():
                os.utime(self._folder / id)
                return False
            if id not in self._coming:
                self._coming[id] = asyncio.Event()
                return True
            await self._coming[id].wait()

    async def _download(self, url: str, id: str, token: str) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        hasher = hashlib.new(USUAL)
        with self._part(id).open("wb") as file:
            async with self._http.stream("GET", url, token=token, service="image") as response:
                async for chunk in response.content.iter_chunked(CHUNK):
                    await asyncio.to_thread(_take, file, hasher, chunk)
            os.fchmod(file.fileno(), 0o640)
        return hasher.hexdigest()

    async def _prove(self, id: str, image: dict[str, Any], digest: str) -> None:
        """Compare with what is registered, and make it the cache's. Raises ImageCorrupt."""
        wanted, kind = image.get("os_hash_value"), image.get("os_hash_algo") or USUAL
        if wanted and kind != USUAL:
            digest = await asyncio.to_thread(_digest_of, self._part(id), kind)
        if wanted and digest != wanted:
            raise ImageCorrupt(id=id, got=digest[:16], wanted=wanted[:16])
        self._part(id).rename(self._folder / id)

    def _part(self, id: str) -> Path:
        return self._folder / f".{id}.part"


def _take(file: Any, hasher: Any, chunk: bytes) -> None:
    file.write(chunk)
    hasher.update(chunk)


def _digest_of(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()
