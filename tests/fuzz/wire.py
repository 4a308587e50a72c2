"""HTTP/1.1 by hand: no client library would send what is sent here."""

import asyncio
from typing import NamedTuple

SECONDS = 60.0


class Answer(NamedTuple):
    """Header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """One kept connection to one service."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def close(self) -> None:
        if self._streams:
            self._streams[1].close()
            self._streams = None

    async def ask(self, method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes | None) -> Answer:
        """One exchange; a connection that the service has closed meanwhile is made anew once."""
        head = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: 127.0.0.1:%d" % self._port]
        head += [name + b": " + value for name, value in headers]
        if body is not None and not any(
            name.lower() in (b"content-length", b"transfer-encoding") for name, _ in headers
        ):
            head.append(b"Content-Length: %d" % len(body))
        data = b"\r\n".join(head) + b"\r\n\r\n" + (body or b"")
        for fresh in (self._streams is None, True):
            try:
                async with asyncio.timeout(SECONDS):
                    return await self._exchange(method, data)
            except (ConnectionError, asyncio.IncompleteReadError):
                await self.close()
                if fresh:
                    raise
        raise AssertionError("unreachable")

    async def _exchange(self, method: str, data: bytes) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(data)
        await writer.drain()
        while True:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(lines[0].split()[1])
            if status != 100:
                break
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        body = b""
        if method != "HEAD" and status not in (204, 304):
            body = await self._body(reader, headers)
        if headers.get("connection", "").lower() == "close":
            await self.close()
        return Answer(status, headers, body)

    async def _body(self, reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            found = b""
            while size := int((await reader.readline()).split(b";")[0], 16):
                found += await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
            return found
        if "content-length" in headers:
            return await reader.readexactly(int(headers["content-length"]))
        return await reader.read()
