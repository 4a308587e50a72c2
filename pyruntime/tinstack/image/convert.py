"""Conversion of what is imported by qemu-img, after its header was looked at: qemu-img never opens what ``formats`` refuses."""

import asyncio
import os
import shutil
from pathlib import Path

from tinstack.image import formats
from tinstack.image.files import StoreFailed

SECONDS = 3600
KNOWN = {"qcow2": "qcow2", "vmdk": "vmdk", "vhd": "vpc", "vhdx": "vhdx", "vdi": "vdi", "raw": "raw"}
"""What qemu-img calls the disk formats that it is let near."""


class ConversionFailed(StoreFailed):
    code, message = "image.convert", "The image can't be converted: {reason}."


def possible(disk_format: str | None, target: str) -> bool:
    """Whether an image of that format is to be, and can be, converted here."""
    return bool(target) and disk_format != target and disk_format in KNOWN and shutil.which("qemu-img") is not None


async def convert(source: Path, disk_format: str, place: Path, target: str) -> None:
    """Write ``source`` as ``target`` to ``place``. Raises FormatMismatch, ConversionFailed; the caller clears up."""
    await asyncio.to_thread(_inspect, source, disk_format)
    command = ("qemu-img", "convert", "-f", KNOWN[disk_format], "-O", KNOWN[target], str(source), str(place))
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(SECONDS):
            _, said = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise ConversionFailed(reason=said.decode(errors="replace").strip()[-300:] or "qemu-img failed")


def _inspect(path: Path, disk_format: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        formats.check(descriptor, disk_format)
    finally:
        os.close(descriptor)
