"""Import: data are taken over apart from the request, into one store or several. Source: Image API v2, Interoperable import."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from tinstack.core.clock import SECOND
from tinstack.core.context import Context
from tinstack.core.errors import ApiError, Conflict
from tinstack.image import changes, convert
from tinstack.image.download import Downloads
from tinstack.image.errors import Invalid, WrongStatus
from tinstack.image.files import STAGED, StoreFailed, Written
from tinstack.image.images import LEASE, Images, checker
from tinstack.image.rows import ACTIVE, IMPORTING, QUEUED, UPLOADING, Image, Task
from tinstack.image.tasks import API_IMPORT, FAILURE, IMPORT, PROCESSING, SUCCESS, Tasks

log = logging.getLogger(__name__)

DIRECT, WEB, COPY = "glance-direct", "web-download", "copy-image"
METHODS = [DIRECT, WEB, COPY]
KEPT_STAGED = 24 * 3600 * SECOND
"""Staged data wait that long for their import."""

TO_STORES, FAILED, BY_TASK = "os_glance_importing_to_stores", "os_glance_failed_import", "os_glance_import_task"
"""Properties of an image that say how its import goes."""

CONVERTED = STAGED + ".converted"


class Wanted(msgspec.Struct, kw_only=True):
    """An import as it was asked for; ``all_or_none``: one store that fails fails them all."""

    method: str
    uri: str = ""
    stores: list[str]
    all_or_none: bool = True


class Imports:
    """Stage and import. ``convert_to``: the disk format of what is imported, '' for as it comes."""

    def __init__(self, images: Images, tasks: Tasks, downloads: Downloads, convert_to: str = "") -> None:
        self._images, self.tasks, self._downloads, self._convert_to = images, tasks, downloads, convert_to
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
                await images.stores.default.write(image.id + STAGED, chunks, lambda descriptor: 0)
        except BaseException:
            await images.swap(image.id, UPLOADING, QUEUED)
            raise
        await images.renew(image.id, UPLOADING, KEPT_STAGED)

    def wanted(self, image: Image, body: dict[str, Any]) -> Wanted:
        """What a request asks for. Raises Invalid, Conflict."""
        method, stores = body["method"], self._images.stores
        if method["name"] not in METHODS:
            raise Invalid(f"Unknown import method name '{method['name']}'.")
        if body.get("all_stores") and body.get("stores"):
            raise Invalid("Name stores, or ask for all of them, not both.")
        if unknown := [name for name in body.get("stores") or [] if name not in stores.configs]:
            raise Conflict(f"Unknown store(s): {', '.join(unknown)}.")
        names = stores.names if body.get("all_stores") else stores.chosen(body.get("stores") or [])
        wanted = Wanted(
            method=method["name"],
            uri=method.get("uri") or "",
            stores=names,
            all_or_none=body.get("all_stores_must_succeed", True),
        )
        if wanted.method == WEB:
            if not wanted.uri:
                raise Invalid("The method web-download needs a 'uri'.")
            self._downloads.check(wanted.uri)
        if wanted.method == COPY:
            self._check_copy(image, wanted, named=bool(body.get("stores")))
        else:
            for attribute in ("container_format", "disk_format"):
                if getattr(image, attribute) is None:
                    raise Invalid(f"'{attribute}' needs to be set before import.")
        return wanted

    def _check_copy(self, image: Image, wanted: Wanted, *, named: bool) -> None:
        if image.status != ACTIVE:
            raise WrongStatus(status=image.status, wanted=IMPORTING)
        if image.properties.get(TO_STORES):
            raise Conflict(f"Image {image.id} is being copied already.")
        missing = [name for name in wanted.stores if name not in image.stores]
        if named and len(missing) < len(wanted.stores):
            raise Invalid(f"The image is in {', '.join(sorted(set(wanted.stores) - set(missing)))} already.")
        wanted.stores = missing

    async def begin(self, context: Context, image: Image, body: dict[str, Any], request_id: str = "") -> Task:
        """Take data over in a task. Raises Invalid, Conflict, WrongStatus."""
        wanted = self.wanted(image, body)
        old = {DIRECT: UPLOADING, WEB: QUEUED, COPY: ACTIVE}[wanted.method]
        lease = 0 if wanted.method == COPY else LEASE
        if not await self._images.swap(image.id, old, ACTIVE if wanted.method == COPY else IMPORTING, lease=lease):
            raise WrongStatus(status=image.status, wanted=IMPORTING)
        given = {"image_id": image.id, "import_req": body}
        task = await self.tasks.create(context, API_IMPORT, given, image.id, request_id)
        self.run(self._drive(image, wanted, task), f"import of image {image.id}")
        return task

    def run(self, work: Any, name: str) -> None:
        """Apart from the request."""
        running = asyncio.create_task(work, name=name)
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def begin_task(self, context: Context, given: dict[str, Any], request_id: str) -> Task:
        """Make an image of data from the web in a task of type ``import``. Raises Invalid."""
        self._downloads.check(str(given["import_from"]))
        image, tags = changes.new_image(dict(given["image_properties"]), context.project_id or "")
        body = {"method": {"name": WEB, "uri": str(given["import_from"])}}
        self.wanted(image, body)
        task = await self.tasks.create(context, IMPORT, given, None, request_id)
        self.run(self._drive_task(image, tags, body, task), f"task {task.id}")
        return task

    async def _drive_task(self, image: Image, tags: list[str], body: dict[str, Any], task: Task) -> None:
        try:
            await self._images.create(image, tags)
            await self._images.swap(image.id, QUEUED, IMPORTING, lease=LEASE)
        except ApiError as error:
            await self.tasks.set(task, FAILURE, message=error.text)
            return
        task.result = {"image_id": image.id}
        await self._drive(image, self.wanted(image, body), task)
        if task.status == FAILURE:
            await self._images.delete(image)

    async def sweep(self) -> None:
        """What a service that ended has left undone is said to have failed."""
        for task in await self.tasks.lost():
            if task.image_id:
                await self._images.say(task.image_id, {TO_STORES: "", BY_TASK: None})

    async def _drive(self, image: Image, wanted: Wanted, task: Task) -> None:
        images = self._images
        try:
            await self.tasks.set(task, PROCESSING)
            say = {TO_STORES: ",".join(wanted.stores), FAILED: "", BY_TASK: task.id}
            await images.say(image.id, say)
            async with self.tasks.driven(task):
                failed = await (self._copy(image, wanted) if wanted.method == COPY else self._import(image, wanted))
            await images.say(image.id, {TO_STORES: "", FAILED: ",".join(failed), BY_TASK: None})
            await self.tasks.set(task, SUCCESS, message=f"Copied to {', '.join(wanted.stores) or 'no store'}")
        except BaseException as error:
            reason = error.text if isinstance(error, ApiError) else repr(error)
            log.error("the import of image %s failed: %s", image.id, reason)
            await self._clear(image, wanted)  # before the image may be staged anew
            if wanted.method != COPY:
                await images.swap(image.id, IMPORTING, QUEUED)
            await images.say(image.id, {TO_STORES: "", FAILED: ",".join(wanted.stores), BY_TASK: None})
            await self.tasks.set(task, FAILURE, message=reason)
            if isinstance(error, asyncio.CancelledError):
                raise
        else:
            await self._clear(image, wanted)

    async def _clear(self, image: Image, wanted: Wanted) -> None:
        """What was staged goes."""
        if wanted.method == COPY:
            return
        for suffix in (STAGED, CONVERTED):
            await asyncio.to_thread(self._images.stores.default.path(image.id + suffix).unlink, True)

    async def _import(self, image: Image, wanted: Wanted) -> list[str]:
        """Into all stores; those that failed. Raises ApiError where that is too many."""
        images, staging = self._images, self._images.stores.default
        async with images.leased(image.id, IMPORTING):
            if wanted.method == WEB:
                async with self._downloads.open(wanted.uri) as chunks:
                    await staging.write(image.id + STAGED, chunks, lambda descriptor: 0)
            source = image.id + STAGED
            if convert.possible(image.disk_format, self._convert_to):
                paths = staging.path(source), staging.path(image.id + CONVERTED)
                await convert.convert(paths[0], image.disk_format or "", paths[1], self._convert_to)
                image, source = msgspec.structs.replace(image, disk_format=self._convert_to), image.id + CONVERTED
                await images.set_disk_format(image.id, self._convert_to)
            size = staging.path(source).stat().st_size

            async def pieces() -> AsyncIterator[bytes]:
                return await staging.read(source, 0, size)

            written, stored, failed = await self._spread(image, wanted, pieces)
        if written is None or not await images.stored(image.id, IMPORTING, written, stored):
            await images.stores.remove(image.id)
        return failed

    async def _copy(self, image: Image, wanted: Wanted) -> list[str]:
        """Into the stores that lack it; those that failed."""
        images = self._images

        async def pieces() -> AsyncIterator[bytes]:
            return await images.stores.holding(image).read(image.id, 0, image.size or 0)

        _, stored, failed = await self._spread(image, wanted, pieces, same=image.os_hash_value)
        if not await images.add_stores(image.id, stored):
            await images.stores.remove(image.id)
        return failed

    async def _spread(
        self, image: Image, wanted: Wanted, pieces: Any, same: str | None = None
    ) -> tuple[Written | None, list[str], list[str]]:
        """(what was written, where, where not). Raises what went wrong where all must succeed or none did."""
        written, stored, failed = None, list[str](), list[str]()
        trouble: Exception | None = None
        for name in wanted.stores:
            try:
                one = await self._images.stores.files[name].write(image.id, await pieces(), checker(image))
                if same and one.sha512 != same:
                    await self._images.stores.remove(image.id, [name])
                    raise StoreFailed(reason="the copy is not what the image was")
            except (ApiError, OSError) as error:
                trouble = error
                failed.append(name)
                if wanted.all_or_none:
                    break
                continue
            written = one
            stored.append(name)
        if trouble and (wanted.all_or_none or not stored):
            await self._images.stores.remove(image.id, stored)
            raise trouble
        return written, stored, failed
