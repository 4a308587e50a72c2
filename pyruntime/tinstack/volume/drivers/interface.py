"""What a backend must be able to do. Every method may be called again with the same ids and then changes nothing."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from tinstack.core.errors import ApiError


class DriverFailed(ApiError):
    """A backend could not do it; the message names what and why."""

    code, message = "volume.driver", "{what} failed: {why}"


class Capacity(msgspec.Struct, frozen=True):
    """GiB."""

    total: float
    free: float


class Source(msgspec.Struct, frozen=True):
    """Where a volume's first content comes from: ``kind`` is ``volume`` or ``snapshot``."""

    kind: str
    id: str


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment that a host was told how to reach: ``connection`` is what ``connect`` gave."""

    host: str
    volume: str
    attachment: str
    mode: str
    connection: dict[str, Any]


class Driver(Protocol):
    """A backend. Sizes in GiB, ids of volumes and snapshots. ``extends_attached``: also what a guest has."""

    name: str
    storage_protocol: str
    extends_attached: bool

    async def start(self) -> None:
        """Prepare; raises DriverFailed."""

    async def create(self, volume: str, size: int) -> None:
        """An empty volume."""

    async def create_from(self, volume: str, size: int, source: Source) -> None:
        """A copy that does not need its source any more."""

    async def create_from_image(self, volume: str, size: int, disk_format: str, data: AsyncIterator[bytes]) -> None:
        """A volume with an image's content."""

    async def extend(self, volume: str, size: int) -> None:
        """Larger."""

    async def delete(self, volume: str) -> None:
        """Gone; also when it was never there."""

    async def create_snapshot(self, snapshot: str, volume: str) -> None:
        """The volume's content of now."""

    async def delete_snapshot(self, snapshot: str) -> None:
        """Gone; also when it was never there."""

    async def connect(self, volume: str, attachment: str, connector: dict[str, Any], mode: str) -> dict[str, Any]:
        """How the connector's host reaches the volume: ``driver_volume_type`` and ``data``."""

    async def disconnect(self, volume: str, attachment: str) -> None:
        """That host does not reach it any more."""

    async def resume(self, connected: list[Connected]) -> None:
        """All of these are reached as they were. Raises DriverFailed for the last that can't be."""

    async def exports(self) -> list[tuple[str, str]]:
        """(volume, attachment) of all that is reached; with an attachment of '' what is left over of a volume that is not."""

    async def stop(self) -> None:
        """The service ends; the next one resumes."""

    def content(self, volume: str, disk_format: str) -> AbstractAsyncContextManager[Path]:
        """Its content as a file of that format, which is gone afterwards."""

    async def capacity(self) -> Capacity:
        """How much there is."""
