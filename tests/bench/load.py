"""A load of requests that costs little of the machine that it measures: HTTP/1.1 over asyncio streams, connections kept."""

import asyncio
import json
import statistics
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

LIMIT = 1 << 24
"""Longest answer that is buffered, in bytes."""


class BenchError(Exception):
    """The cloud answered otherwise than the measurement needs."""


class Answer(NamedTuple):
    """``headers`` with names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One kept connection to one service."""

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._path = parts.hostname or "", parts.port or 80, parts.path.rstrip("/")
        self._headers = {"Host": parts.netloc, "Accept": "application/json", **(headers or {})}
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def request(self, method: str, path: str, body: object = None) -> Answer:
        """One exchange; a connection that the service closed meanwhile is opened once more."""
        data = b"" if body is None else json.dumps(body).encode()
        headers = {**self._headers, "Content-Length": str(len(data))}
        if data:
            headers["Content-Type"] = "application/json"
        lines = [f"{method} {self._path}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        sent = "\r\n".join([*lines, "", ""]).encode() + data
        for kept in (self._streams is not None, False):
            try:
                reader, writer = self._streams or await self._open()
                writer.write(sent)
                return await _read(reader)
            except (ConnectionError, asyncio.IncompleteReadError):
                self.close()
                if not kept:
                    raise
        raise AssertionError("unreachable")

    async def json(self, method: str, path: str, body: object = None, wanted: tuple[int, ...] = (200, 201, 202)) -> Any:
        """The JSON of an answer. Raises BenchError for any other status."""
        answer = await self.request(method, path, body)
        if answer.status not in wanted:
            raise BenchError(
                f"{method} {self._path}{path}: {answer.status} {answer.body[:300].decode(errors='replace')}"
            )
        return json.loads(answer.body) if answer.body else None

    def close(self) -> None:
        """Close it; the next request opens it again."""
        if self._streams:
            self._streams[1].close()
        self._streams = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._streams = await asyncio.open_connection(self._host, self._port, limit=LIMIT)
        return self._streams


async def _read(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ", 2)[1])
    fields = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    if headers.get("transfer-encoding") == "chunked":
        return Answer(status, headers, await _chunks(reader))
    return Answer(status, headers, await reader.readexactly(int(headers.get("content-length", 0))))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    found = b""
    while size := int(await reader.readline(), 16):
        found += (await reader.readexactly(size + 2))[:size]
    await reader.readexactly(2)
    return found


async def rate(
    connections: list[Connection], method: str, path: str, seconds: float, wanted: int, body: object = None
) -> float:
    """Answers per second of a closed loop over the connections. Raises BenchError for any other status."""
    for connection in connections:
        await connection.json(method, path, body, (wanted,))
    began = time.perf_counter()
    until, done = began + seconds, 0

    async def work(connection: Connection) -> None:
        nonlocal done
        while time.perf_counter() < until:
            answer = await connection.request(method, path, body)
            if answer.status != wanted:
                raise BenchError(f"{method} {path}: {answer.status} {answer.body[:300].decode(errors='replace')}")
            done += 1

    await asyncio.gather(*(work(connection) for connection in connections))
    return done / (time.perf_counter() - began)


def median_ms(seconds: list[float]) -> float:
    """The median in milliseconds."""
    return statistics.median(seconds) * 1000
