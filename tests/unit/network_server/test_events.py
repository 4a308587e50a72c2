"""Events to the compute service: in order, again after a failure, never in the way."""

import asyncio
from typing import Any

import pytest

from tinstack.core.client import RemoteError
from tinstack.core.errors import Unavailable
from tinstack.network.server import events
from tinstack.network.server.events import Event, Events, of_port
from tinstack.network.server.rows import Port

SERVER = "5e54e400-0000-4000-8000-000000000001"


class Compute:
    """In the place of the session: fails as often as told."""

    def __init__(self, *failures: Exception) -> None:
        self.failures, self.bodies = list(failures), []  # type: ignore[var-annotated]
        self.done, self.failed = asyncio.Event(), asyncio.Event()

    async def request(self, method: str, kind: str, path: str, *, json: Any, ok: Any) -> None:
        assert (method, kind, path) == ("POST", "compute", "/os-server-external-events")
        if self.failures:
            self.failed.set()
            raise self.failures.pop(0)
        self.bodies += json["events"]
        self.done.set()


async def _sent(compute: Compute, sent: list[Event]) -> list[Any]:
    queue = Events(compute)  # type: ignore[arg-type]
    await queue.start()
    queue.send(sent)
    async with asyncio.timeout(60):
        await compute.done.wait()
    await queue.stop()
    return compute.bodies


def _event(tag: str) -> Event:
    return Event(name=events.PLUGGED, server_uuid=SERVER, tag=tag, status="completed")


async def test_they_are_sent_as_the_compute_api_has_them() -> None:
    assert await _sent(Compute(), [_event("p1")]) == [
        {"name": "network-vif-plugged", "server_uuid": SERVER, "tag": "p1", "status": "completed"}
    ]


async def test_a_compute_service_that_is_away_gets_them_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PAUSES", (0.0,))
    compute = Compute(Unavailable(), Unavailable(), RemoteError("compute", 503, "away"))
    assert [one["tag"] for one in await _sent(compute, [_event("p1"), _event("p2")])] == ["p1", "p2"]


async def test_what_compute_refuses_does_not_hold_up_the_next() -> None:
    queue = Events(compute := Compute(RemoteError("compute", 400, "no")))  # type: ignore[arg-type]
    await queue.start()
    queue.send([_event("refused")])
    async with asyncio.timeout(60):
        await compute.failed.wait()
    queue.send([_event("next")])
    async with asyncio.timeout(60):
        await compute.done.wait()
    await queue.stop()
    assert [one["tag"] for one in compute.bodies] == ["next"]


def test_only_ports_of_servers_have_events() -> None:
    port = Port(id="p", project_id="", network_id="n", mac_address="m", device_id=SERVER, device_owner="compute:nova")
    assert [event.tag for event in of_port(events.CHANGED, port)] == ["p"]
    port.device_owner = "network:dhcp"
    assert of_port(events.CHANGED, port) == []
