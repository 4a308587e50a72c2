"""A host that says that a guest waits has what that host was told looked at, and nothing of others."""

from typing import Any

import msgspec
import pytest

from tinstack.core.bus import Envelope
from tinstack.volume.drivers.interface import Connected
from tinstack.volume.parts import Parts
from tinstack.volume.rpc import DiskWaits

from .conftest import SERVER


@pytest.mark.parametrize("host, looked", [("compute1", 1), ("compute2", 0), ("", 0)])
async def test_only_its_own_host_is_heard(
    client: Any, parts: Parts, monkeypatch: pytest.MonkeyPatch, host: str, looked: int
) -> None:
    volume = await client.volume(1)
    body = {"attachment": {"volume_uuid": volume["id"], "instance_uuid": SERVER, "connector": {"host": "compute1"}}}
    made = (await client("POST", "/attachments", body, token="service", version="3.27")).json["attachment"]
    resumed: list[Connected] = []

    async def resume(connected: list[Connected]) -> None:
        resumed.extend(connected)

    monkeypatch.setattr(parts.drivers["lab1"], "resume", resume)
    sender = f"compute.{host}" if host else "scheduler"
    envelope = Envelope(name="DiskWaits", id="1", request_id="r", sender=sender, body=msgspec.Raw(b"{}"))
    await parts.attachments.waits(DiskWaits(server_id=SERVER), envelope)
    assert [(one.volume, one.attachment) for one in resumed] == [(volume["id"], made["id"])] * looked


async def test_exports_of_no_attachment_end(parts: Parts, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = await client.volume(1)
    body = {"attachment": {"volume_uuid": volume["id"], "instance_uuid": SERVER}}
    made = (await client("POST", "/attachments", body, token="service", version="3.27")).json["attachment"]
    ended: list[tuple[str, str]] = []

    async def exports() -> list[tuple[str, str]]:
        return [(volume["id"], made["id"]), (volume["id"], "stray"), ("gone", "")]

    async def disconnect(volume: str, attachment: str) -> None:
        ended.append((volume, attachment))

    monkeypatch.setattr(parts.drivers["lab1"], "exports", exports)
    monkeypatch.setattr(parts.drivers["lab1"], "disconnect", disconnect)
    await parts.attachments.resume()
    assert ended == [(volume["id"], "stray"), ("gone", "")]
