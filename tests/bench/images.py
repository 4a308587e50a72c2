"""Images in and out: one of SIZE, streamed."""

import asyncio
import os
import time

from load import BenchError
from rig import Rig

SIZE = 512 << 20
CHUNK = 1 << 20


async def measure(rig: Rig, found: dict[str, float]) -> None:
    """MiB per second of one upload and one download."""
    image = rig.connect("image")
    wanted = {"name": "bench", "disk_format": "raw", "container_format": "bare"}
    id = (await image.json("POST", "/v2/images", wanted))["id"]
    found["upload"] = await _timed(rig, f"PUT /v2/images/{id}/file", SIZE)
    found["download"] = await _timed(rig, f"GET /v2/images/{id}/file", 0)
    await image.json("DELETE", f"/v2/images/{id}", wanted=(204,))


async def _timed(rig: Rig, what: str, sent: int) -> float:
    host, _, port = rig.urls["image"].removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=8 * CHUNK)
    head = f"{what} HTTP/1.1\r\nHost: {host}\r\nX-Auth-Token: {rig.token}\r\nConnection: close\r\n"
    block = os.urandom(CHUNK)
    began = time.perf_counter()
    writer.write(f"{head}Content-Type: application/octet-stream\r\nContent-Length: {sent}\r\n\r\n".encode())
    for _ in range(0, sent, CHUNK):
        writer.write(block)
        await writer.drain()
    status = (await reader.readline()).split()[1]
    await reader.readuntil(b"\r\n\r\n")
    received = 0
    while part := await reader.read(8 * CHUNK):
        received += len(part)
    seconds = time.perf_counter() - began
    writer.close()
    if status not in (b"200", b"204") or max(sent, received) < SIZE:
        raise BenchError(f"{what}: {status.decode()}, {received} bytes came.")
    return SIZE / (1 << 20) / seconds
