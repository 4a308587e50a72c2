"""The proxy: who gets in, what passes, and the pages beside it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.unit.console.test_vencrypt import Display
from tests.unit.core.test_tls import make
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tinstack.console.config import Config
from tinstack.console.pages import Pages
from tinstack.console.proxy import Proxy
from tinstack.console.upstream import Target
from tinstack.core.config import AuthConfig, HostTls
from tinstack.core.errors import Unavailable

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1024):
        writer.write(data)
    writer.close()


async def goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.readline() + b"bye")
    writer.close()


class Rig:
    """A proxy in front of a host that talks like that."""

    def __init__(self, pages: Path) -> None:
        self.config = Config(auth=AuthConfig(auth_url="http://127.0.0.1:1/v3"))
        self.pages, self.target, self.asked = pages, Target("s", "127.0.0.1", 1), list[tuple[str, bool]]()
        self.broken = False
        self.proxy: Proxy | None = None
        self.host: asyncio.Server | None = None

    async def lookup(self, token: str, serial: bool) -> Target | None:
        self.asked.append((token, serial))
        if self.broken:
            raise Unavailable
        return self.target if token == "good" else None

    async def start(self, talk: Talk = echo, path: str = "") -> None:
        self.host = await asyncio.start_server(talk, "127.0.0.1", 0)
        self.target = Target("s", "127.0.0.1", self.host.sockets[0].getsockname()[1], path)
        self.proxy = Proxy(self.config, self.lookup, Pages(self.pages))
        await self.proxy.start()

    @property
    def at(self) -> str:
        assert self.proxy
        return f"127.0.0.1:{self.proxy.port}"

    def ws(self, path: str = "/?token=good", **options: Any) -> Any:
        return connect(f"ws://{self.at}{path}", proxy=None, **options)

    async def refused(self, path: str, **options: Any) -> tuple[int, str]:
        with pytest.raises(InvalidStatus) as caught:
            await self.ws(path, **options)
        response = caught.value.response
        return response.status_code, (response.body or b"").decode()

    async def page(self, path: str) -> tuple[int, str, str]:
        async with aiohttp.ClientSession() as session, session.get(f"http://{self.at}{path}") as answer:
            return answer.status, answer.headers["Content-Type"], await answer.text()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    pages = tmp_path / "novnc"
    (pages / "core").mkdir(parents=True)
    (pages / "vnc_lite.html").write_text("<html>")
    (pages / "core" / "rfb.js").write_text("export")
    (tmp_path / "secret").write_text("secret")
    made = Rig(pages)
    yield made
    if made.proxy:
        await made.proxy.stop()
    if made.host:
        made.host.close()


@pytest.mark.parametrize("path, serial", [("/?token=good", False), ("/serial?token=good", True)])
async def test_bytes_pass_both_ways(rig: Rig, path: str, serial: bool) -> None:
    await rig.start()
    async with rig.ws(path) as viewer:
        await viewer.send(b"RFB 003.008\n")
        assert await viewer.recv() == b"RFB 003.008\n"
        await viewer.send("typed")
        assert await viewer.recv() == b"typed"
    assert rig.asked == [("good", serial)]


async def test_an_agents_door_is_told_its_line_and_its_end_is_the_viewers(rig: Rig) -> None:
    await rig.start(goodbye, path="the line")
    async with rig.ws() as viewer:
        assert await viewer.recv() == b"the line\nbye"
        with pytest.raises(ConnectionClosed, match="the guest closed its console"):
            await viewer.recv()


async def test_who_has_no_good_token_gets_no_websocket(rig: Rig) -> None:
    await rig.start()
    assert await rig.refused("/?token=bad") == (403, "The token opens no console, or not any more.\n")
    assert await rig.refused("/") == (400, "The token is missing.\n")
    rig.broken = True
    assert (await rig.refused("/?token=good"))[0] == 503


async def test_a_host_that_does_not_answer_is_said(rig: Rig) -> None:
    await rig.start()
    assert rig.host
    rig.host.close()
    status, words = await rig.refused("/?token=good")
    assert status == 503 and words.startswith("The console of server s can't be reached")


async def test_pages_of_other_sites_may_not_open_consoles(rig: Rig) -> None:
    await rig.start()
    assert (await rig.refused("/?token=good", origin="http://evil.example"))[0] == 403
    assert rig.asked == []
    async with rig.ws(origin="http://127.0.0.1:8000"):
        pass
    rig.config.allowed_origins = ["dashboard.example"]
    async with rig.ws(origin="https://dashboard.example"):
        pass


async def test_the_subprotocol_of_older_clients_is_taken(rig: Rig) -> None:
    await rig.start()
    async with rig.ws(subprotocols=["binary", "base64"]) as viewer:
        assert viewer.subprotocol == "binary"


async def test_a_display_behind_tls_is_a_plain_one_to_the_viewer(rig: Rig, tmp_path: Path) -> None:
    pki = make(tmp_path / "ca", ["127.0.0.1"])
    host = pki / "hosts"
    rig.config.tls = HostTls(ca=str(pki / "ca.pem"), cert=str(host / "ctl.pem"), key=str(host / "ctl.key"))
    display = Display(pki)
    await rig.start(display.talk)
    async with rig.ws() as viewer:
        assert await viewer.recv() == b"RFB 003.008\n"
        await viewer.send(b"RFB 003.008\n")
        assert await viewer.recv() == b"\x01\x01"
        await viewer.send(b"\x01\x01")  # what it chose, and already its ClientInit
        assert await viewer.recv() == bytes(4)
        assert await viewer.recv() == b"framebuffer"
    assert display.heard == b"\x01"


async def test_the_pages_of_novnc_are_there_and_nothing_else_is(rig: Rig) -> None:
    await rig.start()
    assert await rig.page("/vnc_lite.html?path=%3Ftoken%3Dx") == (200, "text/html", "<html>")
    assert (await rig.page("/core/rfb.js"))[:2] == (200, "text/javascript")
    assert (await rig.page("/"))[0] == 200
    for path in ("/core", "/none.html", "/%2e%2e/secret", "/core/%2e%2e/%2e%2e/secret"):
        assert (await rig.page(path))[0] == 404, path


async def test_where_there_is_no_novnc_it_is_said_how_to_get_it(rig: Rig) -> None:
    rig.pages = Path("/nowhere")
    await rig.start()
    status, _, words = await rig.page("/vnc_lite.html")
    assert status == 404 and "install the package novnc" in words
