"""How QEMU reaches a volume: from the volume API's connection info to a disk's source.

``nbd``: QEMU is the client itself. ``data``: ``host``, ``port``, ``export`` (the export's name), ``tls`` (with the
certificates in /etc/pki/qemu), ``access_mode`` (``rw`` or ``ro``).
"""

from collections.abc import Callable
from typing import Any

import msgspec

from tinstack.compute.drivers.interface import AttachedDisk, DriverError


class UnknownVolumeType(DriverError):
    """The volume's backend hands it out in a way that this driver does not know."""

    code = "compute.libvirt.volume_type"
    message = "Volume {id} is handed out as '{type}', but guests here can reach: {known}."


class NbdSource(msgspec.Struct, frozen=True, kw_only=True):
    """An export of an NBD server."""

    host: str
    port: int
    export: str
    tls: bool = False
    access_mode: str = "rw"


def source(disk: AttachedDisk) -> NbdSource:
    """Where the volume is. Raises DriverError."""
    kind, data = disk.connection.get("driver_volume_type"), disk.connection.get("data")
    if kind not in _KNOWN:
        raise UnknownVolumeType(id=disk.volume_id, type=kind, known=", ".join(map(str, _KNOWN)))
    try:
        return _KNOWN[kind](data)
    except msgspec.ValidationError as error:
        raise DriverError(f"The connection info of volume {disk.volume_id} is not usable: {error}.") from error


def _nbd(data: Any) -> NbdSource:
    return msgspec.convert(data, NbdSource, strict=False)


_KNOWN: dict[object, Callable[[Any], NbdSource]] = {"nbd": _nbd}
