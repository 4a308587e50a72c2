"""A stolen compute host: its bus users, its launch tokens, its metadata key."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from tests.api.conftest import STOLEN, Client, TestCloud

from tinstack.core import bus as buses
from tinstack.core.bus import Bus, Message

Logged = Callable[..., None]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Logged:
    """Wait until a warning has all of these words."""

    def wait(*words: str) -> None:
        end = time.monotonic() + 60
        while not any(
            record.levelname == "WARNING" and all(word in record.getMessage() for word in words)
            for record in caplog.records
        ):
            assert time.monotonic() < end, f"no warning with {words}: {[r.getMessage() for r in caplog.records]}"
            threading.Event().wait(0.02)

    return wait


class Thief:
    """One of the host's agents' place on the bus."""

    def __init__(self, cloud: TestCloud, agent: str) -> None:
        made, user = cloud.cloud, f"{agent}.{STOLEN}"
        self._loop = cloud.loop
        self.bus: Bus = buses.connect(made.places.of_bus(user, "host", made.secrets.bus), user, made.hub)
        self.run(self.bus.open())

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def call(self, topic: str, message: Message, answer: type[Message] = Message) -> Any:
        return self.run(self.bus.call(topic, message, answer, 5.0))

    def cast(self, topic: str, message: Message) -> None:
        self.run(self.bus.cast(topic, message))


@pytest.fixture
def compute(cloud: TestCloud) -> Iterator[Thief]:
    thief = Thief(cloud, "compute")
    yield thief
    thief.run(thief.bus.close())


@pytest.fixture
def network(cloud: TestCloud) -> Iterator[Thief]:
    thief = Thief(cloud, "network")
    yield thief
    thief.run(thief.bus.close())


@pytest.fixture(scope="session")
def conductor(cloud: TestCloud) -> Client:
    """Who has launch tokens made."""
    return Client(cloud.auth_url, "conductor", cloud.cloud.secrets.services["conductor"], "service")


class Holder:
    """A launch token in use."""

    def __init__(self, cloud: TestCloud, token: str) -> None:
        self.client = Client.__new__(Client)
        self.client.auth_url, self.client.token, self.client.urls = cloud.auth_url, token, cloud.demo.urls

    def __call__(self, method: str, service: str, path: str, json: Any = None, **options: Any) -> Any:
        return self.client.request(method, service, path, json, **options)


class Launch(NamedTuple):
    """What the token allows: these and nothing else."""

    server: str
    image: str
    port: str
    use: Holder


@pytest.fixture(scope="module")
def launch(cloud: TestCloud, conductor: Client) -> Launch:
    """A launch of a server of the project demo on the stolen host."""
    server, port, image = str(uuid4()), str(uuid4()), cloud.image_id()
    claims = {
        "project_id": cloud.demo.project_id,
        "host": STOLEN,
        "server": server,
        "image": image,
        "ports": [port],
        "networks": [cloud.network_id()],
        "operation": str(uuid4()),
    }
    made = conductor.post("identity", "/OS-TINSTACK/launch_tokens", {"launch_token": claims})
    assert made.status == 201, made.data
    return Launch(server, image, port, Holder(cloud, made.headers["x-subject-token"]))


@pytest.fixture(scope="module")
def victim(cloud: TestCloud) -> Iterator[dict[str, Any]]:
    """A server of the same project that runs elsewhere."""
    body = {
        "name": "victim",
        "flavorRef": "42",
        "imageRef": cloud.image_id(),
        "networks": [{"uuid": cloud.network_id()}],
    }
    id = cloud.demo.post("compute", "/servers", {"server": body}).json["server"]["id"]
    cloud.demo.wait("compute", f"/servers/{id}", lambda it: it.json["server"]["status"] == "ACTIVE")
    yield cloud.admin.get("compute", f"/servers/{id}").json["server"]
    cloud.demo.delete("compute", f"/servers/{id}")
