"""Volumes as qcow2 files, made by qemu-img. Every file is written beside its place and renamed into it."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tinstack.core.errors import NotImplementedHere
from tinstack.volume.drivers.interface import Capacity, DriverFailed, Source

GIB = 1 << 30
FORMATS = {"raw": "raw", "ami": "raw", "ari": "raw", "aki": "raw", "iso": "raw", "vhd": "vpc"}
"""Image formats that qemu-img calls otherwise."""


class FileDriver:
    """``directory``: where the files are."""

    storage_protocol = "nbd"

    def __init__(self, name: str, directory: Path) -> None:
        self.name, self.directory = name, directory

    async def start(self) -> None:
        """Make the directory; parts of files that were never finished go."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o750)
        for left in self.directory.glob("*.part"):
            left.unlink(missing_ok=True)

    def _volume(self, id: str) -> Path:
        return self.directory / f"volume-{id}.qcow2"

    def _snapshot(self, id: str) -> Path:
        return self.directory / f"snapshot-{id}.qcow2"

    async def create(self, volume: str, size: int) -> None:
        """An empty qcow2."""
        place = self._volume(volume)
        if place.exists():
            return
        part = place.with_suffix(".part")
        await _qemu_img("create", "-q", "-f", "qcow2", str(part), str(size * GIB))
        part.rename(place)

    async def create_from(self, volume: str, size: int, source: Source) -> None:
        """A full copy of another file of ours."""
        place = self._volume(volume)
        if place.exists():
            return
        origin = self._volume(source.id) if source.kind == "volume" else self._snapshot(source.id)
        await self._convert(origin, "qcow2", place, size)

    async def create_from_image(self, volume: str, size: int, disk_format: str, data: AsyncIterator[bytes]) -> None:
        """The image is downloaded, then converted as the format that the image service has checked."""
        place = self._volume(volume)
        if place.exists():
            return
        download = self.directory / f"image-{volume}.part"
        try:
            await _save(download, data)
            await self._convert(download, FORMATS.get(disk_format, disk_format), place, size)
        finally:
            download.unlink(missing_ok=True)

    async def _convert(self, origin: Path, form: str, place: Path, size: int | None) -> None:
        part = place.with_suffix(".part")
        try:
            await _qemu_img("convert", "-q", "-f", form, "-O", "qcow2", str(origin), str(part))
            if size is not None:
                await _qemu_img("resize", "-q", "-f", "qcow2", str(part), str(size * GIB))
            part.rename(place)
        finally:
            part.unlink(missing_ok=True)

    async def extend(self, volume: str, size: int) -> None:
        """Larger; the same size again changes nothing."""
        await _qemu_img("resize", "-q", "-f", "qcow2", str(self._volume(volume)), str(size * GIB))

    async def delete(self, volume: str) -> None:
        """The file goes."""
        await asyncio.to_thread(self._volume(volume).unlink, True)

    async def create_snapshot(self, snapshot: str, volume: str) -> None:
        """A full copy."""
        place = self._snapshot(snapshot)
        if not place.exists():
            await self._convert(self._volume(volume), "qcow2", place, None)

    async def delete_snapshot(self, snapshot: str) -> None:
        """The file goes."""
        await asyncio.to_thread(self._snapshot(snapshot).unlink, True)

    async def connect(self, volume: str, attachment: str, connector: dict[str, Any], mode: str) -> dict[str, Any]:
        """Hosts can't reach these files: exports are not offered."""
        raise NotImplementedHere(f"Backend '{self.name}' (driver file) does not export volumes to hosts.")

    async def disconnect(self, volume: str, attachment: str) -> None:
        """Nothing is exported."""

    async def capacity(self) -> Capacity:
        """Of the file system."""
        usage = await asyncio.to_thread(shutil.disk_usage, self.directory)
        return Capacity(round(usage.total / GIB, 2), round(usage.free / GIB, 2))


async def _save(path: Path, data: AsyncIterator[bytes]) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o640)
    try:
        async for chunk in data:
            await asyncio.to_thread(_write_all, descriptor, chunk)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


async def _qemu_img(*arguments: str) -> None:
    """Run it. Raises DriverFailed with what it said."""
    try:
        process = await asyncio.create_subprocess_exec(
            "qemu-img", *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )  # fmt: skip
    except FileNotFoundError as error:
        raise DriverFailed(what=f"qemu-img {arguments[0]}", why="qemu-img is not installed") from error
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise DriverFailed(what=f"qemu-img {arguments[0]}", why=said.decode(errors="replace").strip()[-300:])
