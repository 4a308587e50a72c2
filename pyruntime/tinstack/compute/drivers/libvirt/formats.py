"""What an image file really is, read from its header before QEMU opens it. Source: QEMU, docs/interop/qcow2.txt.

A qcow2 may name other files (a backing file, an external data file); an image that does is refused, or its guest
would read files of the host.
"""

import struct
from pathlib import Path

import msgspec

from tinstack.compute.drivers.interface import DriverError

_HEADER = struct.Struct(">4sIQIIQ")
_MAGIC = b"QFI\xfb"
_EXTERNAL_DATA = 1 << 2


class UnusableImage(DriverError):
    """The image's file can't be a guest's disk."""

    code, message = "compute.libvirt.image", "The image can't be used: {why}."


class ImageFile(msgspec.Struct, frozen=True):
    """``size``: of the disk that the file holds, in bytes."""

    path: Path
    format: str
    size: int


def inspect(path: Path, format: str) -> ImageFile:
    """The file at ``path`` that is said to have ``format``. Raises UnusableImage."""
    try:
        with path.open("rb") as file:
            header = file.read(104)
        length = path.stat().st_size
    except OSError as error:
        raise UnusableImage(why=f"{path}: {error.strerror}") from error
    if format == "raw":
        return ImageFile(path, "raw", length)
    if format == "qcow2":
        return ImageFile(path, "qcow2", _qcow2_size(header))
    raise UnusableImage(why=f"its format is '{format}', and guests here have disks of format raw or qcow2")


def virtual_size(header: bytes) -> int:
    """Of a qcow2 of our own, which may have a backing file. Raises UnusableImage."""
    if len(header) < 72 or not header.startswith(_MAGIC):
        raise UnusableImage(why="the guest's disk is no qcow2")
    return int(_HEADER.unpack_from(header)[5])


def _qcow2_size(header: bytes) -> int:
    if len(header) < 72 or not header.startswith(_MAGIC):
        raise UnusableImage(why="it is registered as qcow2, but is none")
    _, version, backing_offset, _, _, size = _HEADER.unpack_from(header)
    incompatible = struct.unpack_from(">Q", header, 72)[0] if version >= 3 and len(header) >= 80 else 0
    if backing_offset:
        raise UnusableImage(why="its qcow2 names a backing file")
    if incompatible & _EXTERNAL_DATA:
        raise UnusableImage(why="its qcow2 names an external data file")
    return int(size)
