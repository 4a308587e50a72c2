"""Parts of the compute agent: the image cache, and what the fake driver keeps."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tinstack.compute.config import Config
from tinstack.compute.drivers import fake
from tinstack.compute.drivers.fake import FakeDriver
from tinstack.compute.drivers.interface import RUNNING, SHUTDOWN, Guest
from tinstack.compute.errors import StepFailed
from tinstack.compute.images import ImageCache
from tinstack.compute.steps import Steps
from tinstack.computedb.kinds import KINDS
from tinstack.conductor.rpc import FlavorDetails, ServerDetails
from tinstack.core import bus as buses
from tinstack.core.bus.memory import Hub
from tinstack.core.client import Http
from tinstack.core.config import AuthConfig, BusConfig
from tinstack.core.trace import TraceEvent, Tracer

FLAVOR = FlavorDetails(name="t1.nano", vcpus=1, ram_mib=128, root_gib=1)
DATA = b"an image" * 1000


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


class Images:
    """The image service."""

    def __init__(self) -> None:
        self.url, self.downloads, self.hash = "", 0, hashlib.sha512(DATA).hexdigest()

    async def show(self, request: web.Request) -> web.Response:
        body: dict[str, Any] = {"id": request.match_info["id"], "disk_format": "raw"}
        return web.json_response(body | {"os_hash_algo": "sha512", "os_hash_value": self.hash})

    async def file(self, request: web.Request) -> web.Response:
        self.downloads += 1
        await asyncio.sleep(0.01)
        return web.Response(body=DATA)


@pytest.fixture
async def images() -> AsyncIterator[Images]:
    service, app = Images(), web.Application()
    app.router.add_get("/v2/images/{id}", service.show)
    app.router.add_get("/v2/images/{id}/file", service.file)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield service
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http()
    yield client
    await client.close()


def details(**more: Any) -> ServerDetails:
    facts: dict[str, Any] = dict.fromkeys(ServerDetails.__struct_fields__, "")
    facts |= {"id": "s", "generation": 1, "data": {}, "flavor": FLAVOR, "config_drive": False, "metadata": {}}
    facts |= {"ports": [], "volumes": [], "endpoints": {}, "lease_seconds": 30.0, "attempt": 1}
    return ServerDetails(**{**facts, **more})


async def nothing(step: str, server: ServerDetails) -> None:
    return None


class Seen(Tracer):
    """A tracer whose events stay here."""

    def __init__(self) -> None:
        super().__init__(buses.connect(BusConfig(), "compute.h", Hub()), "compute", "h")

    @property
    def events(self) -> list[TraceEvent]:
        return self._waiting


async def test_an_image_is_fetched_once_for_many(images: Images, http: Http, tmp_path: Path) -> None:
    cache, seen = ImageCache(tmp_path / "cache", http), Seen()
    found = await asyncio.gather(
        *(cache.get(images.url, "i", "token", Steps(seen, nothing, details())) for _ in range(5))
    )
    assert images.downloads == 1
    assert {one.path.read_bytes() for one in found} == {DATA}
    outcomes = sorted(event.outcome for event in seen.events if event.step == 19)
    assert outcomes == ["cached"] * 4 + ["ok"]
    assert names_in(tmp_path / "cache") == ["i"]


async def test_a_corrupt_image_is_not_kept(images: Images, http: Http, tmp_path: Path) -> None:
    cache, seen = ImageCache(tmp_path, http), Seen()
    images.hash = "0" * 128
    with pytest.raises(StepFailed) as failed:
        await cache.get(images.url, "i", "token", Steps(seen, nothing, details()))
    assert failed.value.step == 21 and "checksum" in failed.value.text
    assert names_in(tmp_path) == []


async def test_a_failed_step_is_told_once_its_fate_is_known() -> None:
    seen = Seen()
    steps = Steps(seen, nothing, details())
    with pytest.raises(StepFailed):
        async with steps.step(28, elsewhere=True):
            raise RuntimeError("no")
    assert seen.events == []
    steps.judge(retried=True)
    assert [(event.step, event.outcome, event.message) for event in seen.events] == [
        (28, "retried", "RuntimeError: no")
    ]


async def test_simulated_guests_survive_their_process(tmp_path: Path) -> None:
    config = Config(auth=AuthConfig(auth_url=""), driver="fake", host="h", instances_dir=str(tmp_path))
    guest = Guest(
        id="s",
        instance_name="instance-1",
        name="one",
        project_id="p",
        user_id="u",
        flavor=FLAVOR,
        image=None,
        image_format="raw",
        image_properties={},
        nics=[],
        disks=[],
        config_drive=None,
        metadata={},
    )

    async def changed(id: str, state: int) -> None:
        return None

    async def waits(id: str) -> None:
        return None

    first = FakeDriver(config)
    await first.open(changed, waits)
    await first.spawn(guest)
    await first.stop("s", 1)
    second = FakeDriver(config)
    await second.open(changed, waits)
    assert await second.power_state("s") == SHUTDOWN
    await second.start("s")
    assert await second.power_state("s") == RUNNING
    assert "stopped" in await second.console_output("s", None)
    await second.remove("s")
    await second.remove("s")
    assert await second.servers() == [] and names_in(tmp_path / "h") == []


@pytest.mark.parametrize(
    "metadata,known",
    [
        ({"tinstack:fault": "28"}, True),
        ({"tinstack:fault": "config-drive:2", "tinstack:delay": "stop:100"}, True),
        ({"tinstack:fault": "14"}, False),
        ({"tinstack:fault": "spwan:1"}, False),
        ({"tinstack:fault": "28:often"}, False),
        ({"tinstack:delay": "28"}, False),
        ({"tinstack:delay": "28:1s"}, False),
    ],
)
def test_what_metadata_ask_the_fake_driver_for_must_mean_something(metadata: dict[str, str], known: bool) -> None:
    if known:
        fake.check(metadata)
        return
    with pytest.raises(fake.NotRehearsed, match=r"The metadata item tinstack:\w+ is .* attach_volume, config-drive, "):
        fake.check(metadata)


def test_the_fake_driver_knows_every_kind_of_operation() -> None:
    assert set(KINDS) - {"boot"} <= fake.OPERATIONS
