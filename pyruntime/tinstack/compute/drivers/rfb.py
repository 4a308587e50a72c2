"""A simulated guest's display: the smallest server of the RFB protocol that a browser's client shows. Source: RFC 6143."""

import asyncio
import struct
import zlib

WIDTH, HEIGHT = 320, 200
_VERSION, _NO_AUTHENTICATION, _OK = b"RFB 003.008\n", b"\x01\x01", bytes(4)
_FORMAT = struct.Struct(">BBBBHHHBBB3x")
_SIZES = {0: 20, 3: 10, 4: 8, 5: 6}
"""Client messages of one size: SetPixelFormat, FramebufferUpdateRequest, KeyEvent, PointerEvent."""
_HELLO = (12, 1, 1)
"""Bytes of what a client says before it has a picture: version, kind of security, whether it shares."""


class Screen:
    """One connection. The picture: stripes in colours of the server's own, which move with each key that is pressed."""

    def __init__(self, id: str, name: str) -> None:
        self._name, self._colours = name.encode(), zlib.crc32(id.encode())
        self._out: asyncio.Queue[bytes] = asyncio.Queue()
        self._in, self._said, self._moved = b"", 0, 0
        self._format = (32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
        self._waiting = False
        self._out.put_nowait(_VERSION)

    async def read(self) -> bytes:
        """What the server says next."""
        return await self._out.get()

    async def write(self, data: bytes) -> None:
        """What the client says. Raises ValueError where that is no RFB."""
        self._in += data
        while size := self._whole():
            message, self._in = self._in[:size], self._in[size:]
            self._take(message)

    def _whole(self) -> int:
        """The size of the first message, if all of it has arrived."""
        size = _HELLO[self._said] if self._said < len(_HELLO) else self._size()
        return size if size <= len(self._in) else 0

    def _size(self) -> int:
        if not self._in:
            return 1
        kind = self._in[0]
        if kind == 2:  # SetEncodings
            return 4 if len(self._in) < 4 else 4 + 4 * int(struct.unpack_from(">H", self._in, 2)[0])
        if kind == 6:  # ClientCutText
            return 8 if len(self._in) < 8 else 8 + int(struct.unpack_from(">I", self._in, 4)[0])
        if kind not in _SIZES:
            raise ValueError(f"message {kind} is unknown to RFB")
        return _SIZES[kind]

    def _take(self, message: bytes) -> None:
        if self._said < len(_HELLO):
            self._said += 1
            answers = (_NO_AUTHENTICATION, _OK, self._about())
            self._out.put_nowait(answers[self._said - 1])
        elif message[0] == 0:
            self._format = _FORMAT.unpack(message[4:])
        elif message[0] == 3:
            self._waiting = bool(message[1])
            if not self._waiting:
                self._show()
        elif message[0] == 4 and message[1]:
            self._moved += 1
            if self._waiting:
                self._waiting = False
                self._show()

    def _about(self) -> bytes:
        size = struct.pack(">HH", WIDTH, HEIGHT)
        return size + _FORMAT.pack(*self._format) + struct.pack(">I", len(self._name)) + self._name

    def _show(self) -> None:
        head = struct.pack(">BxHHHHHi", 0, 1, 0, 0, WIDTH, HEIGHT, 0)
        stripes = [self._pixel(place) * WIDTH * (HEIGHT // 8) for place in range(8)]
        self._out.put_nowait(head + b"".join(stripes))

    def _pixel(self, place: int) -> bytes:
        bits, _, big, _, red, green, blue, *shifts = self._format
        colour = zlib.crc32(struct.pack(">II", self._colours, (place + self._moved) % 8))
        value = 0
        for most, shift, part in zip((red, green, blue), shifts, (colour, colour >> 8, colour >> 16), strict=True):
            value |= (part % 256 * most // 255) << shift
        return value.to_bytes(bits // 8, "big" if big else "little")
