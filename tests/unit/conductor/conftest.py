"""The boot flow in one process: conductor, scheduler and two simulated hosts on the bus in memory, with the other services
played by one small web application."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import sqlalchemy as sa
from aiohttp import web

from tinstack import running
from tinstack.compute import drivers
from tinstack.compute import rpc as compute
from tinstack.compute.config import Config as ComputeConfig
from tinstack.compute.drivers.fake import FakeDriver, rehearse
from tinstack.compute.drivers.interface import Driver
from tinstack.compute.steps import Rehearse
from tinstack.computedb import instances, store
from tinstack.computedb.rows import Instance
from tinstack.computedb.store import Asked, Begun
from tinstack.computedb.tables import metadata
from tinstack.conductor import rpc as conductor
from tinstack.conductor.rpc import FlavorDetails, RequestedPort
from tinstack.core import bus as buses
from tinstack.core import db as databases
from tinstack.core.bus.memory import Hub
from tinstack.core.clock import now_us
from tinstack.core.config import BusConfig, DatabaseConfig
from tinstack.running import Running
from tinstack.scheduler import rpc as scheduler

from .played_cloud import Cloud

FLAVOR = FlavorDetails(name="t1.nano", vcpus=1, ram_mib=128, root_gib=1)
SECONDS = 60.0
"""How long a test waits for what must come: a busy machine stands still for seconds."""
LIMITS = {"instances": -1, "cores": -1, "ram": -1}


async def eventually(check: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(seconds):
        while True:
            if check():
                return
            await asyncio.sleep(0.005)


class Lab:
    """What a test works with: the played cloud, the database, and the api's part of the flow."""

    def __init__(
        self,
        cloud: Cloud,
        db: databases.Database,
        hub: Hub,
        bus: buses.Bus,
        hosts: dict[str, FakeDriver],
        agents: dict[str, Running],
        configs: dict[str, Any],
    ) -> None:
        self.cloud, self.db, self.hub, self.bus, self.hosts = cloud, db, hub, bus, hosts
        self.agents, self._configs = agents, configs
        self.asked = Asked(request_id="", user_id="user", project_id="project", owner="api@controller/1")

    def _asked(self) -> Asked:
        return msgspec.structs.replace(self.asked, request_id=f"req-{uuid4()}")

    async def create(self, *, hint: bool = True, **changes: Any) -> Begun:
        """Step 7 and, with ``hint``, step 8."""
        port = RequestedPort(id=str(uuid4()), network_id="net", ours=True)
        now = now_us()
        columns: dict[str, Any] = {
            "id": str(uuid4()),
            "project_id": "project",
            "user_id": "user",
            "name": "one",
            "hostname": "one",
            "vm_state": "building",
            "task_state": "scheduling",
            "image_id": "tiny",
            "flavor_id": "42",
            "flavor": FLAVOR,
            "reservation_id": "r-1",
            "created_at": now,
            "updated_at": now,
            "ports": [port],
        }
        data = changes.pop("data", None)
        server = Instance(**{**columns, **changes})
        begun = (await store.create_servers(self.db, [server], LIMITS, self._asked(), data=data))[0]
        if hint:
            await self.schedule(begun)
        return begun

    async def schedule(self, begun: Begun) -> None:
        operation = begun.operation
        select = scheduler.SelectHost(
            server_id=operation.subject, operation_id=operation.id, generation=operation.generation
        )
        await self.bus.call(scheduler.TOPIC, select, scheduler.Accepted)

    async def act(self, server_id: str, kind: str, **options: Any) -> Begun:
        """Begin an operation and tell who is to do it."""
        begun = await store.start_operation(self.db, server_id, kind, self._asked(), **options)
        operation = begun.operation
        if begun.server.host:
            look = compute.Look(server_id=server_id, operation_id=operation.id, generation=operation.generation)
            await self.bus.cast(compute.topic(begun.server.host), look)
        else:
            drive = conductor.Drive(operation_id=operation.id, generation=operation.generation)
            await self.bus.cast(conductor.TOPIC, drive)
        return begun

    async def stop_agent(self, host: str) -> None:
        await self.agents.pop(host).stop()

    async def start_agent(self, host: str) -> None:
        """A new process of that host's agent."""
        self.agents[host] = Running.of("compute", self._configs[host], self.hub)
        await self.agents[host].start()

    async def server(self, id: str) -> Instance:
        return await instances.find(self.db, id, deleted=True)

    async def until(self, id: str, vm_state: str, seconds: float = SECONDS) -> Instance:
        """The server, once it is in that state and nothing is under way."""
        return await self._once(id, lambda one: one.vm_state == vm_state and one.task_state is None, vm_state, seconds)

    async def at(self, id: str, task_state: str, seconds: float = SECONDS) -> Instance:
        """The server, once that is under way."""
        return await self._once(id, lambda one: one.task_state == task_state, task_state, seconds)

    async def _once(self, id: str, done: Callable[[Instance], bool], wanted: str, seconds: float) -> Instance:
        ends = time.monotonic() + seconds
        while not done(server := await self.server(id)):
            found = f"{server.vm_state}, {server.task_state}: {server.fault and server.fault.message}"
            assert time.monotonic() < ends, f"not {wanted} in {seconds:.0f} s but {found}"
            await asyncio.sleep(0.005)
        return server

    async def booted(self, **changes: Any) -> Instance:
        begun = await self.create(**changes)
        return await self.until(begun.server.id, "active")


def _config(name: str, cloud: Cloud, tmp: Path, host: str, **more: Any) -> Any:
    document: dict[str, Any] = {
        "host": host,
        "auth": {"auth_url": f"{cloud.url}/v3", "username": name},
        "bus": {"side": "host" if name == "compute" else "controller"},
        **more,
    }
    if name == "conductor":
        document["database"] = {"url": f"sqlite:///{tmp}/compute.db"}
    return msgspec.convert(document, running.config_class(name))


@pytest.fixture
async def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lab]:
    """Two hosts, ``compute1`` and ``compute2``, that have reported."""
    cloud, hub = Cloud(), Hub()
    simulated: dict[str, FakeDriver] = {}

    def create_driver(config: ComputeConfig) -> tuple[Driver, Rehearse]:
        simulated[config.host] = FakeDriver(config)
        return simulated[config.host], rehearse

    monkeypatch.setattr(drivers, "create", create_driver)
    runner = web.AppRunner(cloud.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    cloud.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    url = f"sqlite:///{tmp_path}/compute.db"
    engine = sa.create_engine(url)
    metadata.create_all(engine)
    engine.dispose()
    db = databases.connect(DatabaseConfig(url=url))
    await db.open()
    quick = {"reconcile_seconds": 0.05, "own_lease_seconds": 0.3, "sweep_seconds": 0.1}
    quick |= {"scheduler_lease_seconds": 1.5, "host_lease_seconds": 0.6}
    started = [
        Running.of("conductor", _config("conductor", cloud, tmp_path, "controller", **quick), hub),
        Running.of("scheduler", _config("scheduler", cloud, tmp_path, "controller", hosts_seconds=0.0), hub),
    ]
    agents: dict[str, Running] = {}
    configs: dict[str, Any] = {}
    for host in ("compute1", "compute2"):
        own = {"driver": "fake", "instances_dir": str(tmp_path / host), "image_cache_dir": str(tmp_path / "cache")}
        configs[host] = _config("compute", cloud, tmp_path, host, report_seconds=0.1, **own)
        agents[host] = Running.of("compute", configs[host], hub)
    for one in (*started, *agents.values()):
        await one.start()
    bus = buses.connect(BusConfig(), "api", hub)
    await bus.open()
    await eventually(lambda: len(cloud.inventories) == 2)
    made = Lab(cloud, db, hub, bus, simulated, agents, configs)
    yield made
    for one in (*made.agents.values(), *reversed(started)):
        await one.stop()
    await bus.close()
    await db.close()
    await runner.cleanup()
