"""What disk images really are, read from the file itself before anything else opens it.

Only headers are read, of bounded size; nothing in them is followed. Refused are contents that name other files (a qcow2
with a backing file or an external data file, a VMDK whose extents lie elsewhere) and contents that are another known
format than the image's ``disk_format`` says. Sources: the formats' specifications (qcow2: QEMU docs/interop/qcow2.rst;
VMDK: Virtual Disk Format 5.0; VHD: Virtual Hard Disk Image Format Specification; VHDX: MS-VHDX; VDI; ECMA-119).
"""

import os
import re
import struct
from typing import Any
from uuid import UUID

import msgspec

from tinstack.image.errors import FormatMismatch

MI = 1024 * 1024
FLAT = {"raw", "ami", "ari", "aki"}
"""Formats of which nothing can be recognised: they must not look like one that can."""

MOST_DESCRIPTOR = 20 * 512 * 2
MOST_REGIONS = 2047


class Found(msgspec.Struct, frozen=True):
    """``name``: the format; ``virtual_size`` in bytes; ``danger``: why it can't be accepted, or ''."""

    name: str
    virtual_size: int
    danger: str = ""


class _File:
    """Bounded reads at an offset; what lies past the end is empty."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def read(self, offset: int, length: int) -> bytes:
        if offset < 0 or offset >= self.size or length <= 0:
            return b""
        return os.pread(self._descriptor, min(length, 4 * MI), offset)

    def unpack(self, form: str, offset: int) -> tuple[Any, ...]:
        data = self.read(offset, struct.calcsize(form))
        if len(data) < struct.calcsize(form):
            raise _Cut
        return struct.unpack(form, data)


class _Cut(Exception):
    """The header ends before it is complete."""


def check(descriptor: int, disk_format: str) -> int:
    """The virtual size of the data in an open file; raises FormatMismatch unless they are a harmless ``disk_format``."""
    file = _File(descriptor)
    found = detect(file)
    if disk_format in FLAT:
        if found.name in ("raw", "gpt"):
            return file.size
    elif disk_format == found.name:
        if found.danger:
            raise FormatMismatch(f"The image is refused: {found.danger}.")
        return found.virtual_size
    raise FormatMismatch(f"Image disk_format '{disk_format}' does not match its data: they are {found.name}.")


def detect(file: _File) -> Found:
    """Which format the data are; ``raw`` where nothing is recognised."""
    head = file.read(0, 512)
    for magic, name, look in _BY_MAGIC:
        if head.startswith(magic):
            try:
                return look(file)
            except _Cut:
                return Found(name, 0, f"its {name} header is cut off")
    try:
        if head[64:68] == b"\x7f\x10\xda\xbe":
            return Found("vdi", file.unpack("<Q", 0x170)[0])
    except _Cut:
        return Found("vdi", 0, "its vdi header is cut off")
    if file.read(max(0, file.size - 512), 8) == b"conectix" and file.size >= 512:
        return _vhd(file)
    if file.read(32769, 5) == b"CD001":
        return Found("iso", file.size)
    if head[510:512] == b"\x55\xaa" and _has_partition_table(head):
        return Found("gpt", file.size)
    return Found("raw", file.size)


def _has_partition_table(head: bytes) -> bool:
    entries = [head[446 + 16 * n : 462 + 16 * n] for n in range(4)]
    return all(entry[0] in (0x00, 0x80) for entry in entries) and any(entry[4] for entry in entries)


def _qcow2(file: _File) -> Found:
    version, backing, _, _, size = file.unpack(">IQIIQ", 4)
    if version not in (2, 3):
        return Found("qcow2", size, f"version {version} of qcow2 is unknown")
    if backing:
        return Found("qcow2", size, "it has a backing file")
    if version == 3:
        incompatible = file.unpack(">Q", 72)[0]
        if incompatible & 4:
            return Found("qcow2", size, "it keeps its data in an external file")
        if incompatible >> 5:
            return Found("qcow2", size, "it uses features of qcow2 that are unknown")
    return Found("qcow2", size)


def _vmdk(file: _File) -> Found:
    _, version, _, capacity, _, at, length = file.unpack("<4sIIQQQQ", 0)
    size = capacity * 512
    if version not in (1, 2, 3):
        return Found("vmdk", size, f"version {version} of VMDK is unknown")
    if not at or length * 512 > MOST_DESCRIPTOR or not length:
        return Found("vmdk", size, "its VMDK descriptor is missing or too long")
    text = file.read(at * 512, length * 512).split(b"\0")[0].decode("latin-1").lower()
    kind = re.search(r'^\s*createtype\s*=\s*"([^"]*)"', text, re.MULTILINE)
    if not kind or kind[1] not in ("monolithicsparse", "streamoptimized"):
        return Found("vmdk", size, f"VMDKs of the type {kind[1] if kind else 'unknown'} keep data in other files")
    extents = re.findall(r'^\s*(?:rw|rdonly|noaccess)\s+\d+\s+(\S+)(?:\s+"([^"]*)")?', text, re.MULTILINE)
    if len(extents) != 1 or extents[0][0] != "sparse" or "/" in extents[0][1] or "\\" in extents[0][1]:
        return Found("vmdk", size, "its VMDK extents name other files")
    return Found("vmdk", size)


def _vmdk_text(file: _File) -> Found:
    return Found("vmdk", 0, "a VMDK descriptor alone names other files")


def _vhd(file: _File) -> Found:
    at = 0 if file.read(0, 8) == b"conectix" else file.size - 512
    kind = file.unpack(">I", at + 60)[0]
    size = file.unpack(">Q", at + 48)[0]
    return Found("vhd", size, "differencing disks have a parent file" if kind == 4 else "")


_VHDX_METADATA = UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e").bytes_le
_VHDX_SIZE = UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8").bytes_le
_VHDX_PARENT = UUID("a8d35f2d-b30b-454d-abf7-d3d84834ab0c").bytes_le


def _vhdx(file: _File) -> Found:
    signature, _, count, _ = file.unpack("<4sIII", 192 * 1024)
    if signature != b"regi" or count > MOST_REGIONS:
        return Found("vhdx", 0, "its VHDX region table is damaged")
    for number in range(count):
        id, at, _, _ = struct.unpack("<16sQII", _exact(file, 192 * 1024 + 16 + 32 * number, 32))
        if id == _VHDX_METADATA:
            return _vhdx_metadata(file, at)
    return Found("vhdx", 0, "its VHDX metadata are missing")


def _vhdx_metadata(file: _File, at: int) -> Found:
    signature, _, count = file.unpack("<8sHH", at)
    if signature != b"metadata" or count > MOST_REGIONS:
        return Found("vhdx", 0, "its VHDX metadata are damaged")
    size, danger = 0, ""
    for number in range(count):
        id, offset, length, _, _ = struct.unpack("<16sIIII", _exact(file, at + 32 + 32 * number, 32))
        if id == _VHDX_SIZE:
            size = file.unpack("<Q", at + offset)[0]
        elif id == _VHDX_PARENT and length:
            danger = "differencing disks have a parent file"
    return Found("vhdx", size, danger)


def _exact(file: _File, offset: int, length: int) -> bytes:
    data = file.read(offset, length)
    if len(data) < length:
        raise _Cut
    return data


def _luks(file: _File) -> Found:
    return Found("luks", file.size)


def _qed(file: _File) -> Found:
    return Found("qed", 0, "QED is not accepted")


def _ploop(file: _File) -> Found:
    return Found("ploop", file.unpack("<Q", 36)[0] * 512)


_BY_MAGIC = [
    (b"QFI\xfb", "qcow2", _qcow2),
    (b"KDMV", "vmdk", _vmdk),
    (b"COWD", "vmdk", _vmdk_text),
    (b"# Disk Descriptor", "vmdk", _vmdk_text),
    (b"conectix", "vhd", _vhd),
    (b"vhdxfile", "vhdx", _vhdx),
    (b"LUKS\xba\xbe", "luks", _luks),
    (b"QED\0", "qed", _qed),
    (b"WithoutFreeSpace", "ploop", _ploop),
    (b"WithouFreSpacExt", "ploop", _ploop),
]
