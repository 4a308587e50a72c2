"""The kernel's table of connections by netlink (``linux/netfilter/nfnetlink_conntrack.h``): all of them, deleting and marking some.

Programs would search the whole table for each connection; here its own tuple names it.
"""

import ipaddress
import os
import socket
import struct
from collections.abc import Iterable, Iterator

import msgspec

NETLINK_NETFILTER, CHANGE, GET, DELETE = 12, 0x100, 0x101, 0x102
REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
ERROR, DONE = 2, 3
ORIGINAL, REPLY, MARK, ZONE, ID = 1, 2, 8, 18, 12
_TYPE = 0x3FFF
_HEAD = struct.Struct("=IHHII")
_MOST = 1 << 18
SECONDS = 10.0


class Tuple(msgspec.Struct, frozen=True):
    """One direction. ``ports``: source and destination; of ICMP its type and code; None where the protocol has none."""

    src: str
    dst: str
    protocol: int
    ports: tuple[int, int] | None = None


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """``original`` is the direction of its first packet. ``key``: the attributes that name it to the kernel."""

    original: Tuple
    reply: Tuple
    zone: int
    family: int
    key: bytes
    mark: int = 0


def connections() -> list[Connection]:
    """All of the namespace that this thread is in. Raises OSError."""
    with _open() as link:
        link.send(_message(GET, REQUEST | DUMP, socket.AF_UNSPEC, b""))
        return [read(body) for _, body in _answers(link)]


def delete(some: Iterable[Connection]) -> int:
    """How many were there still. Raises OSError."""
    return _tell(DELETE, some, b"")


def set_mark(some: Iterable[Connection], value: int) -> int:
    """How many were there still. Raises OSError."""
    return _tell(CHANGE, some, _attribute(MARK, value.to_bytes(4, "big")))


def _tell(kind: int, some: Iterable[Connection], more: bytes) -> int:
    count = 0
    with _open() as link:
        for one in some:
            link.send(_message(kind, REQUEST | ACK, one.family, one.key + more))
            try:
                list(_answers(link))
                count += 1
            except FileNotFoundError:
                continue
    return count


def read(body: bytes) -> Connection:
    """From a message's inside."""
    found = dict(_attributes(body[4:]))
    zone = struct.unpack("!H", found[ZONE])[0] if ZONE in found else 0
    key = b"".join(_attribute(kind, found[kind]) for kind in (ORIGINAL, ZONE, ID) if kind in found)
    mark = int.from_bytes(found.get(MARK, b""), "big")
    return Connection(
        original=_tuple(found[ORIGINAL]), reply=_tuple(found[REPLY]), zone=zone, family=body[0], key=key, mark=mark
    )


def _tuple(data: bytes) -> Tuple:
    parts = dict(_attributes(data))
    ends, proto = dict(_attributes(parts[1])), dict(_attributes(parts[2]))
    src, dst = (ends[1], ends[2]) if 1 in ends else (ends[3], ends[4])
    ports: tuple[int, int] | None = None
    if 2 in proto and 3 in proto:
        ports = struct.unpack("!H", proto[2])[0], struct.unpack("!H", proto[3])[0]
    for kind, code in ((5, 6), (8, 9)):
        if kind in proto and code in proto:
            ports = proto[kind][0], proto[code][0]
    return Tuple(str(ipaddress.ip_address(src)), str(ipaddress.ip_address(dst)), proto[1][0], ports)


def _open() -> socket.socket:
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
    link.settimeout(SECONDS)
    link.bind((0, 0))
    return link


def _message(kind: int, flags: int, family: int, attributes: bytes) -> bytes:
    return _HEAD.pack(_HEAD.size + 4 + len(attributes), kind, flags, 1, 0) + bytes([family, 0, 0, 0]) + attributes


def _answers(link: socket.socket) -> Iterator[tuple[int, bytes]]:
    """(kind, inside) of each message up to the last. Raises OSError."""
    while True:
        data = link.recv(_MOST)
        while data:
            length, kind, _, _, _ = _HEAD.unpack_from(data)
            body, data = data[_HEAD.size : length], data[(length + 3) & ~3 :]
            if kind == DONE:
                return
            if kind == ERROR:
                if code := struct.unpack_from("=i", body)[0]:
                    raise OSError(-code, os.strerror(-code))
                return
            yield kind, body


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        yield kind & _TYPE, data[4:length]
        data = data[(length + 3) & ~3 :]


def _attribute(kind: int, data: bytes) -> bytes:
    nested = 0x8000 if kind == ORIGINAL else 0
    return struct.pack("=HH", 4 + len(data), kind | nested) + data + bytes(-len(data) % 4)
