"""Names of a server's disks, as its guest is likely to see them: ``/dev/vda`` for the root disk, then letter by letter.

A name that a user asks for is kept where it is free. Source: compute API reference, "Servers with volume attachments".
"""

import re
from collections.abc import Iterable, Iterator
from string import ascii_lowercase
from typing import Any

from tinstack.api.errors import Invalid
from tinstack.conductor.rpc import RequestedVolume
from tinstack.core.errors import Conflict

PREFIXES = {"virtio": "vd", "scsi": "sd", "sata": "sd", "usb": "sd", "ide": "hd", "xen": "xvd"}
_PATH = re.compile(r"(?:/dev/)?(?:x?[vshf]d)?([a-z]{1,2})[0-9]*")


class BadDevicePath(Invalid):
    """400: no name of a disk."""

    code, message = "compute.device.path", "The supplied device path ({path}) is invalid."


class DevicePathInUse(Conflict):
    """409: another disk of the server has it."""

    code, message = "compute.device.in_use", "The supplied device path ({path}) is in use."


def letters_of(path: str) -> str:
    """``b`` of ``/dev/vdb``. Raises BadDevicePath."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise BadDevicePath(path=path)
    return match[1]


def prefix_of(image_properties: dict[str, Any]) -> str:
    """``/dev/vd``, or what the image's disk bus has."""
    return "/dev/" + PREFIXES.get(str(image_properties.get("hw_disk_bus", "virtio")).lower(), "vd")


def letters() -> Iterator[str]:
    """a … z, aa …"""
    yield from ascii_lowercase
    yield from (first + second for first in ascii_lowercase for second in ascii_lowercase)


class Names:
    """The names in use. The root disk has the first letter; ``own`` more disks (the flavor's) take the first that no volume has."""

    def __init__(self, prefix: str, own: int, volumes: Iterable[RequestedVolume], root: str | None = None) -> None:
        self._prefix = prefix
        self._taken = {letters_of(one.device) for one in volumes if one.device}
        self._taken.add(letters_of(root) if root else "a")
        for _ in range(own):
            self._taken.add(self._free())

    def _free(self) -> str:
        return next(one for one in letters() if one not in self._taken)

    def take(self, wish: str | None) -> str:
        """``wish``, or the next free one. Raises BadDevicePath, DevicePathInUse."""
        found = letters_of(wish) if wish else self._free()
        if found in self._taken:
            raise DevicePathInUse(path=wish)
        self._taken.add(found)
        return wish if wish and wish.startswith("/dev/") else self._prefix + found
