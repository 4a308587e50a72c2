"""The volume service on files that real daemons export: what a host is told is true, also for the next process."""

import json
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from falcon import testing
from tests.unit.volume.conftest import IMAGE, SERVER, Client, Elsewhere, Tokens, assemble, database

from tinstack.core.config import AuthConfig
from tinstack.volume import service
from tinstack.volume.config import BackendConfig, Config
from tinstack.volume.parts import Parts

__all__ = ["assemble", "database"]
V = "3.44"


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
def config(tmp_path: Path) -> Any:
    with tempfile.TemporaryDirectory(prefix="qsd-") as sockets:
        yield Config(
            auth=AuthConfig(auth_url="http://127.0.0.1:1/v3"),
            backends=[BackendConfig(name="lab1", driver="file")],
            host="controller",
            state_dir=str(tmp_path / "state"),
            export_host="127.0.0.1",
            export_ports=(24400, 24499),
            exports_dir=sockets,
        )


Make = Callable[[], Awaitable[tuple[Parts, Any]]]


@pytest.fixture
async def parts(assemble: Make) -> AsyncIterator[Parts]:
    made = (await assemble())[0]
    yield made
    await made.drivers["lab1"].stop()


@pytest.fixture
async def client(config: Config, parts: Parts) -> AsyncIterator[Client]:
    async with testing.ASGIConductor(build(config, parts)) as conductor:
        yield Client(conductor)


def build(config: Config, parts: Parts) -> Any:
    return service.build(service.apis(config, parts, Tokens()))


def url_of(connection: Any) -> str:
    """Of an export."""
    data = connection["data"]
    return f"nbd://{data['host']}:{data['port']}/{data['export']}"


def size(connection: Any) -> int:
    """Of what a host reaches."""
    command = ["qemu-img", "info", "--output=json", url_of(connection)]
    return int(json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["virtual-size"])


def content(connection: Any) -> bytes:
    """The first bytes of what a host reaches."""
    url = url_of(connection)
    assert size(connection) == 2 << 30
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run(
            ["qemu-img", "dd", "-f", "raw", "-O", "raw", "bs=4096", "count=1", f"if={url}", f"of={file.name}"],
            check=True,
        )
        return file.read()


async def attached(client: Client, volume: str) -> Any:
    body = {"attachment": {"volume_uuid": volume, "instance_uuid": SERVER}}
    made = (await client("POST", "/attachments", body, token="service", version=V)).json["attachment"]
    wanted = {"attachment": {"connector": {"host": "compute1", "ip": "127.0.0.1", "mountpoint": "/dev/vdb"}}}
    path = f"/attachments/{made['id']}"
    answered = await client("PUT", path, wanted, token=f"host:{SERVER}", version=V)
    assert answered.status_code == 200, answered.text
    found = answered.json["attachment"]
    assert (
        await client("POST", f"{path}/action", {"os-complete": {}}, token=f"host:{SERVER}", version=V)
    ).status_code == 204
    return found


async def test_a_host_reaches_the_images_data_until_it_is_detached(
    client: Client, parts: Parts, assemble: Make, elsewhere: Elsewhere
) -> None:
    volume = await client.volume(2, imageRef=IMAGE)
    made = await attached(client, volume["id"])
    assert content(made["connection_info"]) == elsewhere.data
    [shown] = (await client("GET", f"/volumes/{volume['id']}")).json["volume"]["attachments"]
    assert (shown["device"], shown["host_name"]) == ("/dev/vdb", "compute1")
    await parts.drivers["lab1"].stop()
    with pytest.raises(subprocess.CalledProcessError):
        content(made["connection_info"])
    later = (await assemble())[0]
    await later.attachments.resume()
    assert content(made["connection_info"]) == elsewhere.data
    assert (await client("DELETE", f"/attachments/{made['id']}", token="service", version=V)).status_code == 200
    with pytest.raises(subprocess.CalledProcessError):
        content(made["connection_info"])
    await later.drivers["lab1"].stop()


async def test_what_is_attached_grows_from_3_42_on(client: Client, elsewhere: Elsewhere) -> None:
    volume = await client.volume(2, imageRef=IMAGE)
    made = await attached(client, volume["id"])
    refused = await client.action(volume["id"], "os-extend", {"new_size": 3}, version="3.41")
    assert refused.status_code == 400, refused.text
    assert (await client.action(volume["id"], "os-extend", {"new_size": 3}, version="3.42")).status_code == 202
    assert (await client.wait(f"/volumes/{volume['id']}", "in-use"))["size"] == 3
    assert size(made["connection_info"]) == 3 << 30
    assert elsewhere.events == [{"name": "volume-extended", "server_uuid": SERVER, "tag": volume["id"]}]
