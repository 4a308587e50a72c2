"""A guest's console log: QEMU appends to it, we read its end and keep it from growing without bound. And where its display is."""

import os
from pathlib import Path
from xml.etree import ElementTree

from tinstack.compute.drivers.interface import DriverError, NoConsole

BLOCK = 64 * 1024
SHOWN = 1 << 20
"""Bytes of the log that are shown at the most."""
KEPT, LIMIT = 1 << 20, 4 << 20
"""A log longer than ``LIMIT`` bytes is cut down to its last ``KEPT``."""


def tail(path: Path, lines: int | None) -> str:
    """The last ``lines`` lines, or all that is shown at the most (None, or a negative number). Raises DriverError."""
    wanted = None if lines is None or lines < 0 else lines
    try:
        with path.open("rb") as file:
            data = _end(file.fileno(), wanted)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise DriverError(f"The console log {path} can't be read: {error.strerror}.") from error
    return data.decode("utf-8", "replace")


def _end(descriptor: int, lines: int | None) -> bytes:
    """Read block by block from the end, until there are enough lines."""
    size = at = os.fstat(descriptor).st_size
    data = b""
    while at > 0 and len(data) < SHOWN and (lines is None or data[:-1].count(b"\n") < lines):
        block = min(BLOCK, at, SHOWN - len(data))
        at -= block
        data = os.pread(descriptor, block, at) + data
    if lines is None:
        return data if size <= SHOWN else data.partition(b"\n")[2]
    if lines == 0:
        return b""
    return b"\n".join(data.removesuffix(b"\n").split(b"\n")[-lines:]) + (b"\n" if data.endswith(b"\n") else b"")


def trim(path: Path) -> None:
    """Cut a log that has grown too long. It is QEMU's file in append mode, so it is cut in place; never raises OSError."""
    try:
        if path.stat().st_size <= LIMIT:
            return
        with path.open("r+b", buffering=0) as file:
            file.seek(-KEPT, os.SEEK_END)
            kept = file.read(KEPT).partition(b"\n")[2]
            file.truncate(0)
            os.lseek(file.fileno(), 0, os.SEEK_END)
            file.write(kept)
    except OSError:
        return


def display_of(domain: str) -> tuple[str, int]:
    """Address and port of the VNC server in the XML of a guest that runs. Raises NoConsole."""
    graphics = ElementTree.fromstring(domain).find("devices/graphics[@type='vnc']")
    if graphics is None or int(graphics.get("port", "-1")) < 0:
        raise NoConsole(kind="vnc")
    return graphics.get("listen", "127.0.0.1"), int(graphics.get("port", ""))
