"""The boot flow in one process: conductor, scheduler and two simulated hosts on the bus in memory, with the other services
played by one small web application."""

import asyncio
import hashlib
import itertools
from collections import Counter
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

from .played_volumes import PlayedVolumes

IMAGE = b"a very small image"
FLAVOR = FlavorDetails(name="t1.nano", vcpus=1, ram_mib=128, root_gib=1)
LIMITS = {"instances": -1, "cores": -1, "ram": -1}


class Cloud:
    """Identity, placement, image, network and volume as far as a boot needs them, in memory."""

    def __init__(self) -> None:
        self.url = ""
        self.providers: dict[str, str] = {}
        self.inventories: dict[str, dict[str, Any]] = {}
        self.allocations: dict[str, dict[str, Any]] = {}
        self.ports: dict[str, dict[str, Any]] = {}
        self.volumes = PlayedVolumes()
        self.images = {"tiny": IMAGE}
        self.launches: dict[str, dict[str, Any]] = {}
        self.downloads = 0
        self.broken: set[str] = set()
        """Kinds that answer 503: placement, network …"""
        self.hosts = itertools.count(10)
        self.generations: dict[str, int] = {}
        self.numbers = itertools.count(1)
        self.stuck: dict[str, asyncio.Event] = {}
        """Kinds whose answers, as they were when they were asked for, wait for that; ``waiting``: how many do."""
        self.waiting: Counter[str] = Counter()
        self.slow: dict[str, float] = {}
        """Kinds whose deletions take that many seconds."""

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._trouble])
        app.router.add_post("/v3/auth/tokens", self.sign_in)
        app.router.add_post("/v3/OS-TINSTACK/launch_tokens", self.launch)
        app.router.add_get("/placement/resource_providers/{id}", self.provider)
        app.router.add_post("/placement/resource_providers", self.add_provider)
        app.router.add_get("/placement/resource_providers/{id}/inventories", self.inventory)
        app.router.add_put("/placement/resource_providers/{id}/inventories", self.set_inventory)
        app.router.add_get("/placement/resource_providers/{id}/allocations", self.allocations_of)
        app.router.add_get("/placement/allocation_candidates", self.candidates)
        app.router.add_get("/placement/allocations/{id}", self.allocation)
        app.router.add_put("/placement/allocations/{id}", self.allocate)
        app.router.add_get("/image/v2/images/{id}", self.image)
        app.router.add_get("/image/v2/images/{id}/file", self.download)
        app.router.add_post("/network/v2.0/ports", self.add_port)
        app.router.add_get("/network/v2.0/ports", self.list_ports)
        app.router.add_get("/network/v2.0/ports/{id}", self.port)
        app.router.add_put("/network/v2.0/ports/{id}", self.change_port)
        app.router.add_delete("/network/v2.0/ports/{id}", self.remove_port)
        app.router.add_get("/network/v2.0/networks/{id}", self.network)
        app.router.add_get("/network/v2.0/floatingips", self.floating)
        self.volumes.routes(app)
        return app

    @web.middleware
    async def _trouble(self, request: web.Request, handler: Any) -> web.StreamResponse:
        kind = request.path.split("/")[1]
        if kind in self.broken:
            return web.json_response({"message": "out of order"}, status=503)
        if request.method == "DELETE":
            await asyncio.sleep(self.slow.get(kind, 0))
        answer: web.StreamResponse = await handler(request)
        if kind in self.stuck:
            self.waiting[kind] += 1
            await self.stuck[kind].wait()
        return answer

    async def sign_in(self, request: web.Request) -> web.Response:
        kinds = {"identity": "/v3", "placement": "/placement", "image": "/image", "network": "/network"}
        kinds["block-storage"] = "/volume/v3"
        catalog = [
            {"type": kind, "endpoints": [{"interface": "public", "region_id": "RegionOne", "url": self.url + path}]}
            for kind, path in kinds.items()
        ]
        token = {"expires_at": "2099-01-01T00:00:00Z", "catalog": catalog}
        return web.json_response({"token": token}, status=201, headers={"X-Subject-Token": "service"})

    async def launch(self, request: web.Request) -> web.Response:
        token = f"launch-{uuid4().hex}"
        self.launches[token] = (await request.json())["launch_token"]
        return web.json_response({}, status=201, headers={"X-Subject-Token": token})

    def _claims(self, request: web.Request) -> dict[str, Any] | None:
        return self.launches.get(request.headers["X-Auth-Token"])

    async def provider(self, request: web.Request) -> web.Response:
        return web.json_response({}, status=200 if request.match_info["id"] in self.providers else 404)

    async def add_provider(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.providers[body["uuid"]] = body["name"]
        return web.json_response({})

    async def inventory(self, request: web.Request) -> web.Response:
        found = self.inventories.get(request.match_info["id"], {})
        return web.json_response({"resource_provider_generation": 0, "inventories": found})

    async def set_inventory(self, request: web.Request) -> web.Response:
        self.inventories[request.match_info["id"]] = (await request.json())["inventories"]
        return web.json_response({})

    async def allocations_of(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        return web.json_response({"allocations": {c: {} for c, one in self.allocations.items() if id in one}})

    async def candidates(self, request: web.Request) -> web.Response:
        wanted = dict(part.split(":") for part in request.query["resources"].split(","))
        fits = [id for id in self.inventories if self._room(id, {name: int(n) for name, n in wanted.items()}, "")]
        return web.json_response({"allocation_requests": [], "provider_summaries": {id: {} for id in fits}})

    def _room(self, provider: str, wanted: dict[str, int], but: str) -> bool:
        for name, amount in wanted.items():
            stock = self.inventories[provider][name]
            taken = sum(one.get(provider, {}).get(name, 0) for c, one in self.allocations.items() if c != but)
            if taken + amount > stock["total"] * stock["allocation_ratio"] - stock["reserved"]:
                return False
        return True

    async def allocation(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        if id not in self.allocations:
            return web.json_response({"allocations": {}})
        held = {provider: {"resources": resources} for provider, resources in self.allocations[id].items()}
        owner = {"consumer_type": "INSTANCE", "project_id": "project", "user_id": "user"}
        generation = self.generations.setdefault(id, next(self.numbers))
        return web.json_response({"allocations": held, "consumer_generation": generation, **owner})

    async def allocate(self, request: web.Request) -> web.Response:
        consumer, body = request.match_info["id"], await request.json()
        there = self.generations.setdefault(consumer, next(self.numbers)) if consumer in self.allocations else None
        if body["consumer_generation"] != there:
            return web.json_response({"errors": [{"detail": "consumer generation conflict"}]}, status=409)
        wanted = {provider: one["resources"] for provider, one in body["allocations"].items()}
        if not all(self._room(provider, resources, consumer) for provider, resources in wanted.items()):
            return web.json_response({"errors": [{"detail": "over capacity"}]}, status=409)
        self.allocations.pop(consumer, None)
        self.generations.pop(consumer, None)
        if wanted:
            self.allocations[consumer], self.generations[consumer] = wanted, next(self.numbers)
        return web.Response(status=204)

    async def image(self, request: web.Request) -> web.Response:
        claims, id = self._claims(request), request.match_info["id"]
        if id not in self.images:
            return web.json_response({"message": f"No image found with ID {id}"}, status=404)
        if claims and claims["image"] != id:
            return web.json_response({"message": "not yours"}, status=403)
        data = self.images[id]
        digest = hashlib.sha512(data).hexdigest()
        body = {"id": id, "name": id, "disk_format": "raw", "size": len(data)}
        return web.json_response(body | {"os_hash_algo": "sha512", "os_hash_value": digest})

    async def download(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        if id not in self.images:
            return web.json_response({"message": f"No image found with ID {id}"}, status=404)
        self.downloads += 1
        return web.Response(body=self.images[id])

    async def add_port(self, request: web.Request) -> web.Response:
        port, claims = (await request.json())["port"], self._claims(request)
        if port["id"] in self.ports:
            return web.json_response({"NeutronError": {"message": "it exists"}}, status=409)
        if not claims or port["id"] not in claims["ports"] or port["binding:host_id"] != claims["host"]:
            return web.json_response({"NeutronError": {"message": "not allowed"}}, status=403)
        made = port | {"status": "ACTIVE", "mac_address": "fa:16:3e:00:00:01", "admin_state_up": True}
        made["revision_number"] = next(self.numbers)
        made["fixed_ips"] = [{"subnet_id": "s", "ip_address": f"192.168.50.{next(self.hosts)}"}]
        self.ports[port["id"]] = made
        return web.json_response({"port": made}, status=201)

    async def list_ports(self, request: web.Request) -> web.Response:
        wanted, id = request.query.get("device_id"), request.query.get("id")
        found = [one for one in self.ports.values() if wanted in (None, one["device_id"]) and id in (None, one["id"])]
        return web.json_response({"ports": [{"revision_number": 1, **one} for one in found]})

    async def port(self, request: web.Request) -> web.Response:
        return web.json_response({"port": self.ports[request.match_info["id"]]})

    def _is_other(self, request: web.Request) -> bool:
        """Whether ``If-Match`` names another revision of the port."""
        port, match = self.ports.get(request.match_info["id"], {}), request.headers.get("If-Match")
        return bool(port and match) and match != f"revision_number={port.get('revision_number', 1)}"

    async def change_port(self, request: web.Request) -> web.Response:
        if self._is_other(request):
            return web.json_response({"NeutronError": {"message": "another revision"}}, status=412)
        port = self.ports[request.match_info["id"]]
        port |= (await request.json())["port"] | {"revision_number": next(self.numbers)}
        return web.json_response({"port": port})

    async def remove_port(self, request: web.Request) -> web.Response:
        if self._is_other(request):
            return web.json_response({"NeutronError": {"message": "another revision"}}, status=412)
        return web.Response(status=204 if self.ports.pop(request.match_info["id"], None) else 404)

    async def network(self, request: web.Request) -> web.Response:
        return web.json_response({"network": {"id": request.match_info["id"], "name": "private", "mtu": 1450}})

    async def floating(self, request: web.Request) -> web.Response:
        return web.json_response({"floatingips": []})


async def eventually(check: Callable[[], bool], seconds: float = 10.0) -> None:
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

    async def until(self, id: str, vm_state: str, seconds: float = 10.0) -> Instance:
        """The server, once it is in that state and nothing is under way."""
        async with asyncio.timeout(seconds):
            while True:
                server = await self.server(id)
                if server.vm_state == vm_state and server.task_state is None:
                    return server
                await asyncio.sleep(0.005)

    async def at(self, id: str, task_state: str, seconds: float = 10.0) -> Instance:
        """The server, once that is under way."""
        async with asyncio.timeout(seconds):
            while True:
                server = await self.server(id)
                if server.task_state == task_state:
                    return server
                await asyncio.sleep(0.005)

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
    quick = {"reconcile_seconds": 0.05, "own_lease_seconds": 0.3, "sweep_seconds": 0.1, "service_down_seconds": 0.5}
    quick |= {"scheduler_lease_seconds": 0.4, "host_lease_seconds": 0.6}
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
