"""The file store: one file per image, written beside its place, checked, made durable, then renamed into it."""

import asyncio
import contextlib
import errno
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import msgspec

from tinstack.core.errors import ApiError, TooLarge

T = TypeVar("T")

CHUNK = 1024 * 1024
READ = 2 * CHUNK
SUFFIX = ".part"
STAGED = ".staged"


class StoreFull(TooLarge):
    code, message = "image.store_full", "The image store has no room for this image."


class StoreFailed(ApiError):
    code, message = "image.store", "The image store can't be written: {reason}."


class Written(msgspec.Struct, frozen=True):
    """Data in the store."""

    size: int
    virtual_size: int
    checksum: str
    sha512: str


Check = Callable[[int], int]
"""From an open file to its virtual size; raises ApiError when the data are not acceptable."""


class FileStore:
    """``directory``: where the files are; ``cap``: bytes of one image at the most."""

    def __init__(self, directory: Path, cap: int) -> None:
        self.directory, self.cap = directory, cap
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="image-store")

    async def start(self) -> None:
        """Make the directory."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o750)

    async def stop(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def path(self, id: str) -> Path:
        """Where an image's data are."""
        return self.directory / id

    def remove(self, id: str) -> None:
        """Data gone; nothing happens where there are none."""
        for name in (id, id + STAGED):
            self.path(name).unlink(missing_ok=True)

    def leftovers(self) -> list[Path]:
        """Files of uploads that did not end."""
        return sorted([*self.directory.glob(f"*{SUFFIX}"), *self.directory.glob(f"*{STAGED}*")])

    async def write(self, id: str, chunks: AsyncIterator[bytes], check: Check) -> Written:
        """Take the data of an image. Raises TooLarge, StoreFull, and what ``check`` raises; then nothing stays behind."""
        upload = _Upload(self.directory / f"{id}.{uuid4().hex}{SUFFIX}", self.cap)
        try:
            await self._take(upload, chunks)
            return await self._in_thread(upload.finish, check, self.path(id))
        finally:
            upload.abandon()

    async def _take(self, upload: "_Upload", chunks: AsyncIterator[bytes]) -> None:
        """Gather to 1 MiB, hash and write that in a thread while the next is gathered."""
        pending: asyncio.Future[None] | None = None
        parts: list[bytes] = []
        length = 0
        try:
            async for chunk in chunks:
                parts.append(chunk)
                length += len(chunk)
                if length >= CHUNK:
                    if pending:
                        await pending
                    pending = self._in_thread(upload.add, b"".join(parts))
                    parts, length = [], 0
        finally:
            if pending:
                await asyncio.wait([pending])
        if pending:
            pending.result()
        if parts:
            await self._in_thread(upload.add, b"".join(parts))

    def _in_thread(self, work: Callable[..., T], *given: Any) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    async def read(self, id: str, start: int, length: int) -> AsyncIterator[bytes]:
        """A part of an image, read ahead by one piece. Raises FileNotFoundError before the first byte."""
        loop, path = asyncio.get_running_loop(), self.path(id)
        path.stat()

        async def pieces() -> AsyncIterator[bytes]:
            descriptor = os.open(path, os.O_RDONLY)
            at, end = start, start + length
            ahead: Future[bytes] | None = None
            try:
                ahead = self._threads.submit(os.pread, descriptor, min(READ, end - at), at) if at < end else None
                while ahead:
                    data = await asyncio.wrap_future(ahead, loop=loop)
                    if not data:
                        raise StoreFailed(reason="the data end too early")
                    at += len(data)
                    ahead = self._threads.submit(os.pread, descriptor, min(READ, end - at), at) if at < end else None
                    yield data
            finally:
                if ahead:
                    with contextlib.suppress(Exception):
                        await asyncio.wait([asyncio.wrap_future(ahead, loop=loop)])
                os.close(descriptor)

        return pieces()


@contextlib.contextmanager
def _storing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull from error
        raise StoreFailed(reason=error.strerror) from error


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Upload:
    """A file being written; its methods run in threads, one at a time."""

    def __init__(self, path: Path, cap: int) -> None:
        self.path, self.cap, self.size = path, cap, 0
        self._md5, self._sha512 = hashlib.md5(usedforsecurity=False), hashlib.sha512()
        with _storing():
            self._descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o640)

    def add(self, data: bytes) -> None:
        """Hash and write."""
        self.size += len(data)
        if self.size > self.cap:
            raise TooLarge(f"Denying attempt to upload image larger than {self.cap} bytes.")
        self._md5.update(data)
        self._sha512.update(data)
        view = memoryview(data)
        with _storing():
            while view:
                view = view[os.write(self._descriptor, view) :]

    def finish(self, check: Check, place: Path) -> Written:
        """Check, make durable, rename."""
        virtual_size = check(self._descriptor)
        with _storing():
            os.fsync(self._descriptor)
            os.rename(self.path, place)
            _sync_directory(place.parent)
        return Written(self.size, virtual_size, self._md5.hexdigest(), self._sha512.hexdigest())

    def abandon(self) -> None:
        """Close; a file that was not renamed goes."""
        os.close(self._descriptor)
        self.path.unlink(missing_ok=True)
