"""The config drive: a read-only disk whose file system is labelled ``config-2``, where guests look for it.

Written by our own ISO 9660 writer: neither the host's kernel nor another program needs to know that file system.
Source: Compute user guide, "Config drives"; cloud-init's OpenStack data source.
"""

from tinstack.compute.drivers.interface import DriverError
from tinstack.compute.drivers.libvirt import iso9660

LABEL = "config-2"
SMALLEST = 1 << 20
"""Bytes. A guest looks for other file systems' marks far behind the first sectors, and busybox's gives up where a disk ends
before them (btrfs has its mark at 64 KiB)."""


def content(files: dict[str, bytes]) -> bytes:
    """The disk's bytes. Raises DriverError."""
    try:
        return iso9660.image(files, LABEL).ljust(SMALLEST, b"\0")
    except ValueError as error:
        raise DriverError(f"The config drive can't be made: {error}.") from error
