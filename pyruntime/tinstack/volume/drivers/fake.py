"""A backend without data, for development and tests of the API."""

from collections.abc import AsyncIterator
from typing import Any

from tinstack.volume.drivers.interface import Capacity, Source


class FakeDriver:
    """Says yes to everything."""

    storage_protocol = "iSCSI"

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

    async def capacity(self) -> Capacity:
        """What is left of the configured figure."""
        return Capacity(self._capacity, max(0, self._capacity - sum(self._sizes.values())))
