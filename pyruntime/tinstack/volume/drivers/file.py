"""Volumes as qcow2 files, made by qemu-img. Every file is written beside its place and renamed into it."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tinstack.volume.drivers.interface import Capacity, Connected, DriverFailed, Source
from tinstack.volume.drivers.storage_daemon import Export, StorageDaemons

GIB = 1 << 30
FORMATS = {"raw": "raw", "ami": "raw", "ari": "raw", "aki": "raw", "iso": "raw", "vhd": "vpc"}
"""Image formats that qemu-img calls otherwise."""


class FileDriver:
    """``directory``: where the files are. Those that are attached are exported by ``daemons``, which have them open."""

    storage_protocol = "nbd"
    extends_attached = True

    def __init__(self, name: str, directory: Path, daemons: StorageDaemons) -> None:
        self.name, self.directory, self._daemons = name, directory, daemons

    async def start(self) -> None:
        """Make the directory; parts of files that were never finished go."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o750)
        for left in (*self.directory.glob("*.part"), *self.directory.glob("upload-*")):
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
        if source.kind == "volume":
            await self._copy(source.id, place, size)
        else:
            await self._convert(self._snapshot(source.id), "qcow2", place, size)

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

    async def _copy(self, volume: str, place: Path, size: int | None) -> None:
        """Of a volume as it is at this moment; where a daemon has it open, by that."""
        part = place.with_suffix(".part")
        try:
            part.unlink(missing_ok=True)
            length = await asyncio.to_thread(_virtual_size, self._volume(volume))
            await _qemu_img("create", "-q", "-f", "qcow2", str(part), str(length))
            if not await self._daemons.copy(volume, part):
                await self._convert(self._volume(volume), "qcow2", place, size)
                return
            if size is not None:
                await _qemu_img("resize", "-q", "-f", "qcow2", str(part), str(size * GIB))
            part.rename(place)
        finally:
            part.unlink(missing_ok=True)

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
        """Larger; the same size again changes nothing. By the daemon that has it open, where there is one."""
        if await asyncio.to_thread(_virtual_size, self._volume(volume)) >= size * GIB:
            return
        if not await self._daemons.resize(volume, size * GIB):
            await _qemu_img("resize", "-q", "-f", "qcow2", str(self._volume(volume)), str(size * GIB))

    async def delete(self, volume: str) -> None:
        """The file goes, and what is still exported of it."""
        for one in await self._daemons.exports(volume):
            await self._daemons.withdraw(volume, one)
        await asyncio.to_thread(self._volume(volume).unlink, True)

    async def create_snapshot(self, snapshot: str, volume: str) -> None:
        """A full copy."""
        place = self._snapshot(snapshot)
        if not place.exists():
            await self._copy(volume, place, None)

    async def delete_snapshot(self, snapshot: str) -> None:
        """The file goes."""
        await asyncio.to_thread(self._snapshot(snapshot).unlink, True)

    async def connect(self, volume: str, attachment: str, connector: dict[str, Any], mode: str) -> dict[str, Any]:
        """An export by the attachment's id."""
        wanted = Export(mode == "rw", str(connector.get("host") or ""))
        port = await self._daemons.export(volume, self._volume(volume), attachment, wanted, None)
        data = {
            "volume_id": volume,
            "host": self._daemons.host,
            "port": port,
            "export": attachment,
            "tls": self._daemons.tls is not None,
            "access_mode": mode,
            "encrypted": False,
        }
        return {"driver_volume_type": "nbd", "data": data}

    async def disconnect(self, volume: str, attachment: str) -> None:
        """Its export is gone."""
        await self._daemons.withdraw(volume, attachment)

    async def resume(self, connected: list[Connected]) -> None:
        """On the ports on which they were."""
        problem: DriverFailed | None = None
        for one in connected:
            place, port = self._volume(one.volume), one.connection.get("data", {}).get("port")
            try:
                await self._daemons.export(one.volume, place, one.attachment, Export(one.mode == "rw", one.host), port)
            except DriverFailed as error:
                problem = error
        if problem:
            raise problem

    async def exports(self) -> list[tuple[str, str]]:
        """By all daemons; one without any is to end."""
        volumes = sorted(self._daemons.volumes())
        return [(volume, one) for volume in volumes for one in sorted(await self._daemons.exports(volume)) or [""]]

    async def stop(self) -> None:
        await self._daemons.stop()

    @asynccontextmanager
    async def content(self, volume: str, disk_format: str) -> AsyncIterator[Path]:
        """A file beside the volumes; what was left of one by an earlier process goes at the start."""
        copy, file = (self.directory / f"upload-{volume}.{name}" for name in ("qcow2", "data"))
        try:
            await self._copy(volume, copy, None)
            await _qemu_img(
                "convert", "-q", "-f", "qcow2", "-O", FORMATS.get(disk_format, disk_format), str(copy), str(file)
            )
            yield file
        finally:
            copy.unlink(missing_ok=True)
            file.unlink(missing_ok=True)

    async def capacity(self) -> Capacity:
        """Of the file system."""
        usage = await asyncio.to_thread(shutil.disk_usage, self.directory)
        return Capacity(round(usage.total / GIB, 2), round(usage.free / GIB, 2))


def _virtual_size(path: Path) -> int:
    """Of a qcow2 of ours, in bytes."""
    with path.open("rb") as file:
        return int.from_bytes(file.read(32)[24:], "big")


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
