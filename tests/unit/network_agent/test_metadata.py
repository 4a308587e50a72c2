"""The metadata proxy: who asks, and what goes on to the service."""

import hashlib
import hmac
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.unit.network_agent.conftest import TENANT, lease, state
from yarl import URL

from tinstack.network.agent import metadata, netns
from tinstack.network.agent.metadata import Guest, Proxy, book, headers

DOOR = f"dhcp-{TENANT}"
SIGNATURE = hmac.new(b"key", b"server-1", hashlib.sha256).hexdigest()


def test_what_a_guest_says_of_itself_goes_nowhere() -> None:
    known = book(state(dhcp_hosts=[lease()]), "host1")
    asked = {
        "X-Instance-ID": "other",
        "x-tenant-id": "other",
        "X-Forwarded-For": "1.1.1.1",
        "Cookie": "c",
        "Accept": "text/html",
    }
    sent = headers(asked, Guest("server-1", "project-1"), "192.168.50.11", known)
    assert sent == {
        "Accept": "text/html",
        "Accept-Encoding": "identity",
        "X-Forwarded-For": "192.168.50.11",
        "X-Instance-ID": "server-1",
        "X-Tenant-ID": "project-1",
        "X-Metadata-Host": "host1",
        "X-Instance-ID-Signature": SIGNATURE,
    }


def test_a_guest_is_known_by_its_address_and_the_link_local_one_of_its_mac() -> None:
    known = book(state(dhcp_hosts=[lease()]), "host1").guests
    assert known[TENANT, "192.168.50.11"] == known[TENANT, "fe80::f816:3eff:fe00:11"] == Guest("server-1", "project-1")


class Rig:
    """A proxy with one door on loopback, and a service behind it that says what it was asked."""

    def __init__(self) -> None:
        self.proxy = Proxy("host1")
        self.door = _loopback()
        self.service = _loopback()
        self.asked: list[tuple[str, str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.door.getsockname()[1]}"

    def wanted(self, **of_lease: Any) -> Any:
        url = f"http://127.0.0.1:{self.service.getsockname()[1]}/"
        return state(dhcp_hosts=[lease(ip="127.0.0.1", **of_lease)], metadata_url=url)

    async def answer(self, request: web.BaseRequest) -> web.Response:
        self.asked.append((request.method, request.raw_path, request.headers["X-Instance-ID"]))
        return web.Response(text=request.headers["X-Instance-ID-Signature"], headers={"Content-Type": "text/plain"})


def _loopback() -> socket.socket:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    listening.setblocking(False)
    return listening


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    made = Rig()
    monkeypatch.setattr(netns, "identity", lambda name: 1)
    monkeypatch.setattr(metadata, "_links", lambda name: [])
    monkeypatch.setattr(metadata, "_listen", lambda name, links: [made.door])
    runner = web.ServerRunner(web.Server(made.answer))
    await runner.setup()
    await web.SockSite(runner, made.service).start()
    yield made
    await made.proxy.close()
    await runner.cleanup()


async def test_a_guest_is_known_by_network_and_address(rig: Rig) -> None:
    assert await rig.proxy.serve({DOOR: [TENANT]}, rig.wanted()) == {}
    async with aiohttp.ClientSession() as client, client.get(URL(f"{rig.url}/latest/?x=%2F", encoded=True)) as answer:
        assert (answer.status, await answer.text()) == (200, SIGNATURE)
    assert rig.asked == [("GET", "/latest/?x=%2F", "server-1")]


async def test_an_address_that_nobody_has_gets_404(rig: Rig) -> None:
    await rig.proxy.serve({DOOR: [TENANT]}, rig.wanted(network_id="another"))
    async with aiohttp.ClientSession() as client, client.get(f"{rig.url}/openstack") as answer:
        assert answer.status == 404
    assert rig.asked == []


async def test_without_the_service_the_guest_is_told_to_try_again(rig: Rig) -> None:
    wanted = rig.wanted()
    probe = _loopback()
    url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    probe.close()
    await rig.proxy.serve({DOOR: [TENANT]}, state(dhcp_hosts=[lease(ip="127.0.0.1")], metadata_url=url))
    async with aiohttp.ClientSession() as client:
        async with client.get(f"{rig.url}/openstack") as answer:
            assert answer.status == 503
        await rig.proxy.serve({DOOR: [TENANT]}, wanted)
        async with client.get(f"{rig.url}/openstack") as answer:
            assert answer.status == 200


async def test_a_door_that_is_not_wanted_is_closed(rig: Rig) -> None:
    url = rig.url
    await rig.proxy.serve({DOOR: [TENANT]}, rig.wanted())
    await rig.proxy.serve({}, rig.wanted())
    async with aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.ClientError):
            await client.get(url)
