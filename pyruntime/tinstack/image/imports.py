"""Import: data are staged first and taken over afterwards, apart from the request. Source: Image API v2, Interoperable import."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from tinstack.core.clock import SECOND
from tinstack.core.errors import ApiError, Conflict
from tinstack.image.errors import Invalid, WrongStatus
from tinstack.image.files import STAGED
from tinstack.image.images import LEASE, Images, checker
from tinstack.image.rows import IMPORTING, QUEUED, UPLOADING, Image

log = logging.getLogger(__name__)

METHODS = ["glance-direct"]
STORES = ["file"]
KEPT_STAGED = 24 * 3600 * SECOND
"""Staged data wait that long for their import."""


class Imports:
    """Stage and import."""

    def __init__(self, images: Images) -> None:
        self._images = images
        self._running: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """What is being imported is queued again."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def stage(self, image: Image, chunks: AsyncIterator[bytes]) -> None:
        """Keep the data beside the store. Raises WrongStatus."""
        images = self._images
        if not await images.swap(image.id, QUEUED, UPLOADING, lease=LEASE):
            raise WrongStatus(status=image.status, wanted=UPLOADING)
        try:
            async with images.leased(image.id, UPLOADING):
                await images.files.write(image.id + STAGED, chunks, lambda descriptor: 0)
        except BaseException:
            await images.swap(image.id, UPLOADING, QUEUED)
            raise
        await images.renew(image.id, UPLOADING, KEPT_STAGED)

    async def begin(self, image: Image, method: Any, stores: list[str]) -> None:
        """Take staged data over in a task. Raises Invalid, Conflict, WrongStatus."""
        name = method.get("name") if isinstance(method, dict) else None
        if name not in METHODS:
            raise Invalid(f"Unknown import method name '{name}'.")
        unknown = [store for store in stores if store not in STORES]
        if unknown:
            raise Conflict(f"Unknown store(s): {', '.join(unknown)}.")
        for attribute in ("container_format", "disk_format"):
            if getattr(image, attribute) is None:
                raise Invalid(f"'{attribute}' needs to be set before import.")
        if not await self._images.swap(image.id, UPLOADING, IMPORTING, lease=LEASE):
            raise WrongStatus(status=image.status, wanted=IMPORTING)
        task = asyncio.create_task(self._import(image), name=f"import of image {image.id}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _import(self, image: Image) -> None:
        images = self._images
        staged = image.id + STAGED
        try:
            async with images.leased(image.id, IMPORTING):
                size = images.files.path(staged).stat().st_size
                written = await images.files.write(image.id, await images.files.read(staged, 0, size), checker(image))
            if not await images.stored(image.id, IMPORTING, written):
                await asyncio.to_thread(images.files.remove, image.id)
        except BaseException as error:
            reason = error.text if isinstance(error, ApiError) else repr(error)
            log.error("the import of image %s failed: %s", image.id, reason)
            await images.swap(image.id, IMPORTING, QUEUED)
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            await asyncio.to_thread(images.files.path(staged).unlink, True)
