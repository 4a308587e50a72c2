"""The compute API on a database of its own, asked over HTTP in process; other services answer from tables."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import sqlalchemy
from falcon import testing

from tinstack.api.config import Config
from tinstack.api.parts import Compute
from tinstack.api.service import application, metadata_application
from tinstack.compute import rpc as compute_rpc
from tinstack.computedb import flavors as flavor_store
from tinstack.computedb import heartbeats, instances, tables
from tinstack.computedb.flavors import Flavor
from tinstack.computedb.rows import Instance
from tinstack.conductor import rpc as conductor_rpc
from tinstack.core import db
from tinstack.core.auth import Validation, last_validation
from tinstack.core.bus import Envelope, Message
from tinstack.core.bus.memory import Hub, MemoryBus
from tinstack.core.client import Answer, RemoteError, Session
from tinstack.core.clock import now_us
from tinstack.core.config import AuthConfig, DatabaseConfig
from tinstack.core.context import Context
from tinstack.core.errors import Unauthorized
from tinstack.core.trace import TraceEvents, Tracer
from tinstack.scheduler import rpc as scheduler_rpc

MEMBER = frozenset({"member", "reader"})
IMAGE = "11111111-1111-4111-8111-111111111111"
NETWORK = "22222222-2222-4222-8222-222222222222"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl someone@lab"
SECRET = "metadata secret"


class Tokens:
    """Tokens are names."""

    contexts = {
        "alice": Context(user_id="alice", project_id="p1", roles=MEMBER, audit_id="audit-alice"),
        "bob": Context(user_id="bob", project_id="p2", roles=MEMBER),
        "reader": Context(user_id="rita", project_id="p1", roles=frozenset({"reader"})),
        "admin": Context(user_id="admin", project_id="p0", roles=MEMBER | {"admin", "manager"}),
        "service": Context(user_id="network", project_id="service", roles=frozenset({"service"})),
    }

    async def authenticate(self, token: str) -> Context:
        if token not in self.contexts:
            raise Unauthorized
        last_validation.set(Validation(now_us(), 25, "cached"))
        return msgspec.structs.replace(self.contexts[token], token=token)


class Elsewhere(Session):
    """Image, network and volume services as tables: path → body, or None for a 404."""

    def __init__(self) -> None:
        super().__init__(AuthConfig(auth_url="http://identity.test/v3"))
        self.bodies: dict[str, Any] = {
            f"image/v2/images/{IMAGE}": image(IMAGE),
            "network/v2.0/networks": {"networks": [network(NETWORK)]},
            f"network/v2.0/networks/{NETWORK}": {"network": network(NETWORK)},
            "network/v2.0/ports": {"ports": []},
            "network/v2.0/security-groups": {"security_groups": []},
            "network/v2.0/agents": {"agents": [{"host": "netnode1", "agent_type": "DHCP agent"}]},
        }
        self.asked: list[tuple[str, str]] = []

    async def endpoint(self, service_type: str) -> str:
        return f"http://{service_type}"

    async def request(self, method: str, service_type: str, path: str, **options: Any) -> Answer:
        return self._answer(method, f"{service_type}{path}")

    async def send(self, method: str, url: str, **options: Any) -> Answer:
        return self._answer(method, url.removeprefix("http://"))

    def _answer(self, method: str, path: str) -> Answer:
        self.asked.append((method, path))
        body = self.bodies.get(path, self.bodies.get(path.partition("?")[0]))
        if body is None:
            raise RemoteError(path.partition("/")[0], 404, "There is no such thing.")
        if path.startswith("network/v2.0/networks?") and "shared=True" in path:
            body = {"networks": []}
        return Answer(200, {}, msgspec.json.encode(body))


def image(id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "name": "tiny",
        "status": "active",
        "owner": "p0",
        "visibility": "public",
        "size": 1 << 20,
        "min_disk": 0,
        "min_ram": 0,
        "hw_disk_bus": "virtio",
        **more,
    }


def network(id: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "name": "private", "subnets": ["s1"], "router:external": False, "shared": False, **more}


class Lab:
    """The API under test, and what the rest of the cloud heard of it."""

    def __init__(self, compute: Compute, session: Elsewhere, api: Any, metadata: Any) -> None:
        self.compute, self.session, self.api, self.metadata = compute, session, api, metadata
        self.heard: list[Message] = []
        self.news = asyncio.Event()
        self.scheduler_works = True

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "alice",
        version: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        path, _, query = path.partition("?")
        sent = {**({"X-Auth-Token": token} if token else {}), **(headers or {})}
        if version:
            sent["OpenStack-API-Version"] = f"compute {version}"
        if not path.startswith("/v2") and path != "/":
            path = f"/v2.1{path}"
        return await self.api.simulate_request(method, path, json=body, query_string=query, headers=sent)

    async def boot(self, name: str = "web", *, token: str = "alice", version: str = "2.1", **more: Any) -> str:
        """Ask for a server; its id."""
        wanted = {"name": name, "imageRef": IMAGE, "flavorRef": "1", **more}
        if version != "2.1":
            wanted.setdefault("networks", "auto")
        made = await self("POST", "/servers", {"server": wanted}, token=token, version=version)
        assert made.status_code == 202, made.text
        return str(made.json["server"]["id"])

    async def up(self, name: str = "web", **more: Any) -> str:
        """A server that runs on ``compute1``."""
        id = await self.boot(name, **more)
        await self.set(id, vm_state="active", task_state=None, power_state=1, host="compute1", node="compute1")
        return id

    async def set(self, id: str, **changes: Any) -> None:
        """Write columns of a server, and end what is under way for it."""
        from tinstack.computedb.store import OPERATIONS

        async def work(tx: db.Transaction) -> None:
            for one in await OPERATIONS.running(tx, id):
                await OPERATIONS.end(tx, one.id)
            await instances.write(tx, id, **changes)

        await self.compute.db.transact(work)

    async def row(self, id: str) -> Instance:
        return await instances.find(self.compute.db, id, deleted=True)

    async def told(self, kind: type[Message]) -> Any:
        """The first message of a kind that was heard, awaited."""
        async with asyncio.timeout(60):
            while True:
                for message in self.heard:
                    if isinstance(message, kind):
                        return message
                self.news.clear()
                await self.news.wait()

    def hear(self, answer: Message | None) -> Any:
        async def handler(message: Message, envelope: Envelope) -> Message | None:
            self.heard.append(message)
            self.news.set()
            if isinstance(message, scheduler_rpc.SelectHost) and not self.scheduler_works:
                raise RuntimeError("the scheduler is ill")
            return answer

        return handler


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    url = f"sqlite:///{tmp_path}/compute.db"
    engine = sqlalchemy.create_engine(url)
    tables.metadata.create_all(engine)
    engine.dispose()
    database = db.connect(DatabaseConfig(url=url))
    await database.open()
    hub = Hub()
    buses = {name: MemoryBus(hub, name, "controller") for name in ("api", "scheduler", "conductor")}
    buses["host"] = MemoryBus(hub, "compute.compute1", "host")
    for bus in buses.values():
        await bus.open()
    config = Config(auth=AuthConfig(auth_url="http://identity.test/v3"), host="controller", metadata_secret=SECRET)
    session = Elsewhere()
    tracer = Tracer(buses["api"], "api", "controller")
    compute = Compute(config, database, buses["api"], session, tracer)
    async with (
        testing.ASGIConductor(application(compute, Tokens())) as api,
        testing.ASGIConductor(metadata_application(compute)) as metadata,
    ):
        made = Lab(compute, session, api, metadata)
        await buses["scheduler"].serve(
            scheduler_rpc.TOPIC, {scheduler_rpc.SelectHost: made.hear(scheduler_rpc.Accepted())}
        )
        await buses["conductor"].serve(
            conductor_rpc.TOPIC, {conductor_rpc.Drive: made.hear(None), conductor_rpc.NetworkChanged: made.hear(None)}
        )
        await buses["conductor"].serve("trace", {TraceEvents: made.hear(None)})
        await buses["host"].serve(
            compute_rpc.topic("compute1"),
            {
                compute_rpc.Look: made.hear(None),
                compute_rpc.ServerEvent: made.hear(None),
                compute_rpc.GetConsoleOutput: made.hear(compute_rpc.ConsoleOutput(output="login: ")),
                compute_rpc.GetDiagnostics: made.hear(compute_rpc.Diagnostics(diagnostics={"state": "running"})),
            },
        )
        await _fill(database)
        yield made
        await compute.background.stop()
    for bus in buses.values():
        await bus.close()
    await database.close()


async def _fill(database: db.Database) -> None:
    for id, name, ram in (("1", "m1.tiny", 64), ("2", "m1.small", 128)):
        made = Flavor(id=id, name=name, vcpus=1, ram_mib=ram, root_gib=1, created_at=now_us())
        assert await flavor_store.insert(database, made)
    for host in ("compute1", "compute2"):
        await heartbeats.beat(database, host, "nova-compute", now_us())
        await heartbeats.describe(
            database,
            conductor_rpc.HostReport(
                host=host,
                provider=str(uuid4()),
                hypervisor_type="fake",
                hypervisor_version=1000,
                host_ip="10.0.0.1",
                vcpus=8,
                ram_mib=8192,
                disk_gib=100,
                free_disk_gib=90,
                cpu_info={"arch": "x86_64"},
                servers=[],
                started_at=now_us(),
            ),
        )
    await heartbeats.beat(database, "controller", "nova-conductor", now_us())
