"""Images: who sees them, how they change, how they get and lose their data."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import update

from tinstack.core.clock import SECOND, now_us
from tinstack.core.context import Context
from tinstack.core.db import Database, Duplicate, Transaction, to_json, values
from tinstack.core.errors import Conflict, Forbidden, Gone, NotFound
from tinstack.image import formats, store, tables
from tinstack.image.errors import Invalid, NoSuchImage, Protected, WrongStatus
from tinstack.image.files import Written
from tinstack.image.rows import ACTIVE, COMMUNITY, DEACTIVATED, PUBLIC, QUEUED, SAVING, SHARED, Image
from tinstack.image.stores import NoSuchStore, Stores

log = logging.getLogger(__name__)

LEASE = 60 * SECOND
"""An upload whose service died is taken back to ``queued`` after that."""

TAGS = 128
"""Tags of an image at the most."""


class ImageExists(Conflict):
    code, message = "image.exists", "Image ID {id} already exists!"


class Images:
    """The rules."""

    def __init__(self, database: Database, stores: Stores) -> None:
        self.database, self.stores = database, stores

    async def visible(self, context: Context, id: str) -> Image:
        """An image that the caller may know of; raises NoSuchImage for all others, Forbidden beyond a launch token's image."""
        if context.launch is not None and context.launch.image != id:
            raise Forbidden("This launch token is not for that image.")
        image = await self.database.one(store.IMAGE, Image, key=id)
        if image is None or not await self._sees(context, image):
            raise NoSuchImage(id=id)
        return image

    async def _sees(self, context: Context, image: Image) -> bool:
        if context.scope != "project":
            return False
        if context.launch is not None or context.is_admin or context.is_service:
            return True
        if image.visibility in (PUBLIC, COMMUNITY) or (image.owner and image.owner == context.project_id):
            return True
        if image.visibility != SHARED or not context.project_id:
            return False
        return await store.member(self.database, image.id, context.project_id) is not None

    async def tags(self, id: str) -> list[str]:
        """An image's tags."""
        return (await store.tags(self.database, [id]))[id]

    async def create(self, image: Image, tags: list[str]) -> None:
        """Raises ImageExists."""

        async def work(tx: Transaction) -> None:
            await tx.run(store.ADD_IMAGE, **values(image))
            await store.set_tags(tx, image.id, tags)

        try:
            await self.database.transact(work)
        except Duplicate as error:
            raise ImageExists(id=image.id) from error

    async def save(self, image: Image, tags: list[str] | None) -> None:
        """Write a changed image. Raises WrongStatus when its status changed meanwhile."""
        image.updated_at = now_us()

        async def work(tx: Transaction) -> None:
            if not await store.put(tx, image, image.status):
                raise WrongStatus(status="another status", wanted=image.status)
            if tags is not None:
                await store.set_tags(tx, image.id, tags)

        await self.database.transact(work)

    async def delete(self, image: Image) -> None:
        """Row, members, tags and data. Raises Protected, NoSuchImage."""
        if image.protected:
            raise Protected(id=image.id)

        async def work(tx: Transaction) -> None:
            if not await tx.run(store.DELETE_IMAGE, key=image.id):
                raise NoSuchImage(id=image.id)
            for table in (tables.tags, tables.members):
                await tx.run(table.delete().where(table.c.image_id == image.id))

        await self.database.transact(work)
        await self.stores.remove(image.id)

    async def add_tag(self, image: Image, tag: str) -> None:
        """Tagging twice is tagging once."""
        there = await self.tags(image.id)
        if tag in there:
            return
        if len(there) >= TAGS:
            raise Invalid(f"An image can have {TAGS} tags at the most.")
        await self.save(image, [*there, tag])

    async def remove_tag(self, image: Image, tag: str) -> None:
        """Raises NotFound where it has no such tag."""
        there = await self.tags(image.id)
        if tag not in there:
            raise NotFound(f"Tag {tag} does not exist for image {image.id}.")
        await self.save(image, [one for one in there if one != tag])

    async def set_active(self, image: Image, active: bool) -> None:
        """Reactivate or deactivate. Raises Forbidden in other states."""
        wanted, old = (ACTIVE, DEACTIVATED) if active else (DEACTIVATED, ACTIVE)
        if image.status == wanted:
            return
        if image.status != old or not await self.swap(image.id, old, wanted):
            raise Forbidden(
                f"Not allowed to {'reactivate' if active else 'deactivate'} image in status '{image.status}'"
            )

    # --- data -----------------------------------------------------------------------------------

    async def upload(self, image: Image, chunks: AsyncIterator[bytes], name: str) -> None:
        """The data of a queued image into the store of that name: all of them, checked, or none.

        Raises WrongStatus, FormatMismatch, TooLarge, Gone.
        """
        missing = [name for name in ("container_format", "disk_format") if getattr(image, name) is None]
        if missing:
            raise Invalid(f"Properties {', '.join(missing)} must be set prior to saving data.")
        if not await self.swap(image.id, QUEUED, SAVING, lease=LEASE):
            raise WrongStatus(status=image.status, wanted=SAVING)
        try:
            async with self.leased(image.id, SAVING):
                written = await self.stores.files[name].write(image.id, chunks, checker(image))
        except BaseException:
            await self.swap(image.id, SAVING, QUEUED)
            raise
        if not await self.stored(image.id, SAVING, written, [name]):
            await self.stores.remove(image.id)
            raise Gone(
                f"Image {image.id} could not be found after upload. The image may have been deleted during the upload."
            )

    async def stored(self, id: str, old: str, written: Written, names: list[str]) -> bool:
        """The data are in these stores: the image is active. False where it is gone."""

        async def work(tx: Transaction) -> int:
            return await tx.run(
                store.STORED,
                key=id,
                old=old,
                new=ACTIVE,
                bytes=written.size,
                virtual=written.virtual_size,
                md5=written.checksum,
                sha512=written.sha512,
                names=to_json(self.stores.ordered(names)),
                now=now_us(),
            )

        return bool(await self.database.transact(work))

    async def add_stores(self, id: str, names: list[str]) -> bool:
        """The data are in these stores too. False where the image is gone."""
        return await self._rewrite(id, "stores", lambda image: self.stores.ordered({*image.stores, *names}))

    async def remove_from_store(self, image: Image, name: str) -> None:
        """Forget the data in one store, not in the last one. Raises NoSuchStore, Forbidden, Protected."""
        if name not in self.stores.configs:
            raise NoSuchStore(name=name)
        if image.protected:
            raise Protected(id=image.id)
        if name not in image.stores:
            raise NotFound(f"Image {image.id} is not in the store {name}.")

        def without(now: Image) -> list[str]:
            if name in now.stores and len(now.stores) == 1:
                raise Forbidden(f"Cannot delete the last location of image {image.id}.")
            return [one for one in now.stores if one != name]

        await self._rewrite(image.id, "stores", without)
        await self.stores.remove(image.id, [name])

    async def say(self, id: str, said: Mapping[str, str | None]) -> None:
        """Set properties of our own (None: no more)."""

        def merged(image: Image) -> dict[str, str]:
            everything = {**image.properties, **said}
            return {name: value for name, value in everything.items() if value is not None}

        await self._rewrite(id, "properties", merged)

    async def _rewrite(self, id: str, column: str, change: Callable[[Image], Any]) -> bool:
        """Compare-and-swap of one column, again while others change it; False where the image is gone."""
        columns = tables.images.c

        async def work(tx: Transaction) -> bool | None:
            image = await tx.one(store.IMAGE, Image, key=id)
            if image is None:
                return False
            old, new = to_json(getattr(image, column)), to_json(change(image))
            swap = update(tables.images).where(columns.id == id, columns[column] == old).values({column: new})
            return bool(await tx.run(swap)) or None

        done = None
        while done is None:
            done = await self.database.transact(work)
        return done

    async def set_disk_format(self, id: str, disk_format: str) -> None:
        """What conversion made of an image that is being imported."""
        change = update(tables.images).where(tables.images.c.id == id).values(disk_format=disk_format)

        async def work(tx: Transaction) -> None:
            await tx.run(change)

        await self.database.transact(work)

    async def swap(self, id: str, old: str, new: str, *, lease: int = 0) -> bool:
        """Compare-and-swap of the status; ``lease``: µs for which an upload is held."""

        async def work(tx: Transaction) -> int:
            until = await tx.now() + lease if lease else 0
            return await tx.run(store.STATUS, key=id, old=old, new=new, until=until, now=now_us())

        return bool(await self.database.transact(work))

    async def renew(self, id: str, status: str, lease: int) -> None:
        """Hold an upload ``lease`` µs from now."""

        async def work(tx: Transaction) -> int:
            return await tx.run(store.RENEW, key=id, old=status, until=await tx.now() + lease)

        await self.database.transact(work)

    @asynccontextmanager
    async def leased(self, id: str, status: str) -> AsyncIterator[None]:
        """Renew the upload's lease while inside."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(LEASE / SECOND / 3)
                await self.renew(id, status, LEASE)

        renewing = asyncio.create_task(renew(), name=f"lease of the upload of {id}")
        try:
            yield
        finally:
            renewing.cancel()

    async def sweep(self) -> None:
        """Uploads whose service died: the image is queued again, leftover files go."""

        async def work(tx: Transaction) -> list[Image]:
            overdue = await tx.all(store.OVERDUE, Image, now=await tx.now())
            for image in overdue:
                await tx.run(store.STATUS, key=image.id, old=image.status, new=QUEUED, until=0, now=now_us())
            return overdue

        for image in await self.database.transact(work):
            log.warning("the upload of image %s did not end; it is queued again", image.id)
        for path in await asyncio.to_thread(self.stores.leftovers):
            row = await self.database.one(store.IMAGE, Image, key=path.name.split(".")[0])
            if row is None or row.status == QUEUED or (row.status in (ACTIVE, DEACTIVATED) and _forsaken(path)):
                await asyncio.to_thread(path.unlink, True)


def _forsaken(path: Path) -> bool:
    """Whether nobody has written to it for a lease's time: an active image may be on its way to another store."""
    try:
        return time.time() - path.stat().st_mtime > LEASE / SECOND
    except FileNotFoundError:
        return False


def checker(image: Image) -> Callable[[int], int]:
    """What looks at an image's data before they are accepted; containers other than ``bare`` are not looked into."""
    disk_format = image.disk_format or "raw"
    if image.container_format in ("docker", "ova", "ovf", "compressed"):
        return lambda descriptor: os.fstat(descriptor).st_size
    return lambda descriptor: formats.check(descriptor, disk_format)
