"""An empty qcow2, for what simulates disks. Source: QEMU, docs/interop/qcow2.txt."""

import struct


def empty(gib: int) -> bytes:
    """A disk of that size without data: header, refcount table, refcount block and L1 table, a cluster of 64 KiB each."""
    cluster, size = 1 << 16, gib << 30
    entries = -(-size // (cluster * cluster // 8))
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, size, 0, entries, 3 * cluster, cluster, 1, 0, 0)
    parts = (header, struct.pack(">Q", 2 * cluster), struct.pack(">4H", 1, 1, 1, 1), b"")
    return b"".join(part.ljust(cluster, b"\0") for part in parts)
