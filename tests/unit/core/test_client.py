"""REST between services: what a pool of connections must not do, and what becomes of others' errors."""

import asyncio

import pytest
import uvloop
from aiohttp import web

from tinstack.core import client
from tinstack.core.client import Http, RemoteError
from tinstack.core.errors import Unavailable


def test_who_asks_after_a_long_body_was_read_gets_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the loop that services run on; the times are the real ones, a hundred times shorter."""
    monkeypatch.setattr(client, "KEEP_SECONDS", client.KEEP_SECONDS / 100)
    silence, body = client.SECONDS / 100, bytes(4 << 20)

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(body=body if request.path == "/long" else b"short")

    async def ask() -> tuple[int, bytes]:
        runner, http, found = web.ServerRunner(web.Server(answer)), Http(), 0
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with http.stream("GET", f"{site.name}/long", seconds=silence) as response:
            async for chunk in response.content.iter_chunked(1 << 16):
                found += len(chunk)
                await asyncio.sleep(0.001)
        await asyncio.sleep(silence + 0.05)
        said = await http.send("POST", f"{site.name}/short", seconds=5)
        await http.close()
        await runner.cleanup()
        return found, said.data

    assert uvloop.run(ask()) == (len(body), b"short")


@pytest.mark.parametrize("said, status", [(502, 503), (503, 503), (504, 503), (500, 500), (404, 500)])
async def test_a_service_that_is_away_is_no_fault_of_who_asked_it(said: int, status: int) -> None:
    """While one starts anew the gateway answers for it with 503: whoever needs it says that as well, and no more than that."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.json_response({"error": {"message": "It does not answer."}}, status=said)

    runner, http = web.ServerRunner(web.Server(answer)), Http()
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        with pytest.raises(RemoteError) as refused:
            await http.send("GET", f"{site.name}/v3/auth/tokens", service="identity", seconds=60)
    finally:
        await http.close()
        await runner.cleanup()
    assert (refused.value.status, refused.value.remote_status) == (status, said)
    assert isinstance(refused.value, Unavailable) == (status == 503)
    assert refused.value.text == "It does not answer."
