"""Servers: one boot, bursts of them, their lists and their deletion."""

import asyncio
import time
from typing import Any

from load import BenchError, Connection, median_ms
from rig import Rig

AT_ONCE = 16
BATCH = 50
POLL_SECONDS = 0.1
BURST_SECONDS = 300.0
BOOT_POLL_SECONDS = 0.002
PATIENT = 0.8
GENTLE_SECONDS = 0.02
"""How often a client asks that does not measure."""


def _body(rig: Rig, name: str, count: int = 1) -> dict[str, Any]:
    server = {"name": name, "flavorRef": rig.flavor, "imageRef": rig.image, "networks": [{"uuid": rig.network}]}
    return {"server": server if count == 1 else {**server, "min_count": count, "max_count": count}}


async def boot_ms(rig: Rig, boots: int, poll: float = BOOT_POLL_SECONDS) -> tuple[float, float]:
    """Medians from the request: to its answer, and until the server is seen ACTIVE, which is asked every ``poll`` seconds once most of
    the time has passed that the quickest one took: who asks all the time measures his own load. One after the other, each deleted
    when it is there."""
    compute, answered, active = rig.connect("compute"), [], []
    for number in range(boots):
        began = time.perf_counter()
        id = (await compute.json("POST", "/servers", _body(rig, f"one-{number}")))["server"]["id"]
        answered.append(time.perf_counter() - began)
        await asyncio.sleep(min(active, default=0.0) * PATIENT - answered[-1])
        await _until_active(compute, id, poll)
        active.append(time.perf_counter() - began)
        await compute.request("DELETE", f"/servers/{id}")
        await _until_gone(compute, id)
    return median_ms(answered), median_ms(active)


async def burst(rig: Rig, count: int) -> tuple[float, int]:
    """Servers per second from the first request until the last is ACTIVE, and how many are not."""
    todo = iter(range(count))

    async def work(connection: Connection) -> None:
        for number in todo:
            await connection.json("POST", "/servers", _body(rig, f"burst-{number}"))

    began = time.perf_counter()
    await asyncio.gather(*(work(rig.connect("compute")) for _ in range(AT_ONCE)))
    while await ids(rig, "BUILD"):
        if time.perf_counter() - began > BURST_SECONDS:
            break
        await asyncio.sleep(POLL_SECONDS)
    seconds = time.perf_counter() - began
    active = len(await ids(rig, "ACTIVE"))
    return active / seconds, count - active


async def fill(rig: Rig, wanted: int) -> None:
    """As many servers as that, asked for in batches, all ACTIVE. Raises BenchError."""
    compute = rig.connect("compute")
    missing = wanted - len(await ids(rig))
    while missing > 0:
        await compute.json("POST", "/servers", _body(rig, f"fill-{missing}", min(BATCH, missing)))
        missing -= BATCH
        await _until_built(rig, BATCH)
    await _until_built(rig, 0)
    if failed := await ids(rig, "ERROR"):
        raise BenchError(f"{len(failed)} servers ended in ERROR.")


async def _until_active(compute: Connection, id: str, poll: float) -> None:
    while True:
        status = (await compute.json("GET", f"/servers/{id}"))["server"]["status"]
        if status == "ACTIVE":
            return
        if status != "BUILD":
            raise BenchError(f"A server ended in {status}.")
        await asyncio.sleep(poll)


async def _until_gone(compute: Connection, id: str) -> None:
    while True:
        if (await compute.request("GET", f"/servers/{id}")).status == 404:
            return
        await asyncio.sleep(GENTLE_SECONDS)


async def _until_built(rig: Rig, most: int) -> None:
    """No more than that are being built."""
    while True:
        if len(await ids(rig, "BUILD")) <= most:
            return
        await asyncio.sleep(POLL_SECONDS)


async def delete_all(rig: Rig) -> float:
    """Seconds until every server is gone from the list."""
    todo = iter(await ids(rig))

    async def work(connection: Connection) -> None:
        for id in todo:
            await connection.request("DELETE", f"/servers/{id}")

    began = time.perf_counter()
    await asyncio.gather(*(work(rig.connect("compute")) for _ in range(AT_ONCE)))
    await until_gone(rig)
    return time.perf_counter() - began


async def until_gone(rig: Rig) -> None:
    """No server of the project is left. Raises BenchError."""
    end = time.perf_counter() + BURST_SECONDS
    while await ids(rig):
        if time.perf_counter() > end:
            raise BenchError("Servers that were deleted are still there.")
        await asyncio.sleep(POLL_SECONDS / 5)


async def whole_list(rig: Rig) -> float:
    """Seconds for all servers with their details, in pages of the greatest size."""
    began = time.perf_counter()
    await ids(rig, path="/servers/detail")
    return time.perf_counter() - began


async def ids(rig: Rig, status: str = "", path: str = "/servers") -> list[str]:
    """All of the project, over all pages."""
    compute, found, marker = rig.connect("compute"), [], ""
    while True:
        query = f"limit=1000{f'&status={status}' if status else ''}{f'&marker={marker}' if marker else ''}"
        page = (await compute.json("GET", f"{path}?{query}"))["servers"]
        found += [one["id"] for one in page]
        if len(page) < 1000:
            compute.close()
            return found
        marker = page[-1]["id"]
