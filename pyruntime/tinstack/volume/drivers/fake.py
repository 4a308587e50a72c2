"""A backend without data, for development and tests of the API."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tinstack.core import qcow2
from tinstack.volume.drivers.interface import Capacity, Connected, DriverFailed, Source


class FakeDriver:
    """Says yes to everything."""

    storage_protocol = "iSCSI"
    extends_attached = True

    def __init__(self, name: str, capacity_gib: int) -> None:
        self.name, self._capacity = name, capacity_gib
        self._sizes: dict[str, int] = {}

    async def start(self) -> None:
        """Nothing to prepare."""

    async def create(self, volume: str, size: int) -> None:
        """Remembers the size."""
        self._sizes[volume] = size

    async def create_from(self, volume: str, size: int, source: Source) -> None:
        """Copies nothing."""
        self._sizes[volume] = size

    async def create_from_image(self, volume: str, size: int, disk_format: str, data: AsyncIterator[bytes]) -> None:
        """Reads the image to its end."""
        async for _ in data:
            pass
        self._sizes[volume] = size

    async def extend(self, volume: str, size: int) -> None:
        """Remembers the size."""
        self._sizes[volume] = size

    async def delete(self, volume: str) -> None:
        """Forgets it."""
        self._sizes.pop(volume, None)

    async def create_snapshot(self, snapshot: str, volume: str) -> None:
        """Copies nothing."""

    async def delete_snapshot(self, snapshot: str) -> None:
        """Nothing is there."""

    async def connect(self, volume: str, attachment: str, connector: dict[str, Any], mode: str) -> dict[str, Any]:
        """A connection that only a simulated hypervisor takes."""
        data = {"volume_id": volume, "path": f"/dev/fake/{volume}", "access_mode": mode, "encrypted": False}
        return {"driver_volume_type": "fake", "data": data}

    async def disconnect(self, volume: str, attachment: str) -> None:
        """Nothing is connected."""

    async def resume(self, connected: list[Connected]) -> None:
        """Nothing is connected."""

    async def exports(self) -> list[tuple[str, str]]:
        """Nothing is connected."""
        return []

    async def stop(self) -> None:
        """Nothing is left."""

    @asynccontextmanager
    async def content(self, volume: str, disk_format: str) -> AsyncIterator[Path]:
        """No data: a qcow2 of its size, or a raw file of one MiB."""
        if disk_format not in ("raw", "qcow2"):
            raise DriverFailed(what="the upload", why=f"a simulated volume can't be written as {disk_format}")
        with tempfile.NamedTemporaryFile(prefix="tinstack-") as file:
            file.write(qcow2.empty(self._sizes.get(volume, 1)) if disk_format == "qcow2" else bytes(1 << 20))
            file.flush()
            yield Path(file.name)

    async def capacity(self) -> Capacity:
        """What is left of the configured figure."""
        return Capacity(self._capacity, max(0, self._capacity - sum(self._sizes.values())))
