"""What an operation leaves behind of a volume that was in use: its attachments decide."""

from typing import Any

import pytest

from tinstack.core.operations import Operation
from tinstack.volume.parts import Parts
from tinstack.volume.work import Work

from .conftest import SERVER


@pytest.mark.parametrize("detached, status", [(False, "in-use"), (True, "available")])
async def test_a_volume_that_is_detached_while_it_grows_is_available(
    client: Any, parts: Parts, monkeypatch: pytest.MonkeyPatch, detached: bool, status: str
) -> None:
    volume = await client.volume(1)
    body = {"attachment": {"volume_uuid": volume["id"], "instance_uuid": SERVER, "connector": {"host": "compute1"}}}
    made = (await client("POST", "/attachments", body, token="service", version="3.27")).json["attachment"]
    done = await client(
        "POST", f"/attachments/{made['id']}/action", {"os-complete": {}}, token="service", version="3.44"
    )
    assert done.status_code == 204
    begun: list[Operation] = []
    monkeypatch.setattr(parts.volumes.work, "begin", begun.append)
    assert (await client.action(volume["id"], "os-extend", {"new_size": 2}, version="3.42")).status_code == 202
    if detached:
        assert (
            await client("DELETE", f"/attachments/{made['id']}", token="service", version="3.27")
        ).status_code == 200
    work: Work = parts.volumes.work
    await work.drive(begun[0])
    assert (await client.wait(f"/volumes/{volume['id']}", status))["size"] == 2
