"""REST between services: what a pool of connections must not do."""

import asyncio

import pytest
import uvloop
from aiohttp import web

from tinstack.core import client, connections
from tinstack.core.client import Http


def test_who_asks_after_a_long_body_was_read_gets_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the loop that services run on; the times are the real ones, a hundred times shorter."""
    monkeypatch.setattr(connections, "KEEP_SECONDS", connections.KEEP_SECONDS / 100)
    silence, body = client.SECONDS / 100, bytes(4 << 20)

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(body=body if request.path == "/long" else b"short")

    async def ask() -> tuple[int, bytes]:
        runner, http, found = web.ServerRunner(web.Server(answer)), Http(), 0
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with http.stream("GET", f"{site.name}/long", seconds=silence) as response:
            async for chunk in response.chunks():
                found += len(chunk)
                await asyncio.sleep(0.001)
        await asyncio.sleep(silence + 0.05)
        said = await http.send("POST", f"{site.name}/short", seconds=5)
        await http.close()
        await runner.cleanup()
        return found, said.data

    assert uvloop.run(ask()) == (len(body), b"short")
