"""The network service on a database of its own, asked over HTTP in process, with simulated hosts on a bus in memory."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from falcon import testing

from tinstack.core import db
from tinstack.core.auth import Validation, last_validation
from tinstack.core.bus import Message
from tinstack.core.bus.memory import Hub, MemoryBus
from tinstack.core.config import AuthConfig, DatabaseConfig
from tinstack.core.context import Context, LaunchClaims
from tinstack.core.db import Database
from tinstack.core.errors import Unauthorized
from tinstack.core.http import build
from tinstack.core.trace import Tracer
from tinstack.network import rpc
from tinstack.network.agent.fake import FakeAgent
from tinstack.network.server import service, tables
from tinstack.network.server.config import Config
from tinstack.network.server.events import Event
from tinstack.network.server.parts import Parts
from tinstack.network.server.reconcile import Reconciler
from tinstack.network.server.telling import Telling

USER = frozenset({"member", "reader"})
SERVER = "5e54e400-0000-4000-8000-000000000001"


class Tokens:
    """Tokens are names: ``alice`` and ``bob`` of two projects, ``reader``, ``guest`` (no reader), ``admin``, ``nova`` (one of our
    services), and ``launch:HOST:PORT,PORT[:NETWORK]`` (a launch token of a server of alice's project)."""

    contexts = {
        "alice": Context(user_id="alice", project_id="p1", roles=USER),
        "bob": Context(user_id="bob", project_id="p2", roles=USER),
        "reader": Context(user_id="rita", project_id="p1", roles=frozenset({"reader"})),
        "guest": Context(user_id="gus", project_id="p1", roles=frozenset({"auditor"})),
        "admin": Context(user_id="admin", project_id="p0", roles=USER | {"admin", "manager"}),
        "nova": Context(user_id="nova", project_id="service", roles=frozenset({"service"})),
    }

    async def authenticate(self, token: str) -> Context:
        if token.startswith("launch:"):
            last_validation.set(Validation(1, 2, "cached"))
            _, host, ports, *networks = token.split(":")
            claims = LaunchClaims(host=host, server=SERVER, ports=tuple(ports.split(",")), networks=tuple(networks))
            return Context(user_id="conductor", project_id="p1", roles=frozenset({"service"}), launch=claims)
        if token not in self.contexts:
            raise Unauthorized
        return self.contexts[token]


class Client:
    """``await client.get("networks", "bob")``; paths are below ``/v2.0/``."""

    def __init__(self, conductor: testing.ASGIConductor) -> None:
        self._conductor = conductor

    async def ask(self, method: str, path: str, token: str, body: Any = None, headers: Any = None) -> Any:
        path, _, query = path.partition("?")
        sent = {**({"X-Auth-Token": token} if token else {}), **(headers or {})}
        full = path if path.startswith("/") else f"/v2.0/{path}"
        return await self._conductor.simulate_request(method, full, json=body, query_string=query, headers=sent)

    async def get(self, path: str, token: str = "alice") -> Any:
        return await self.ask("GET", path, token)

    async def post(self, path: str, body: Any, token: str = "alice") -> Any:
        return await self.ask("POST", path, token, body)

    async def put(self, path: str, body: Any, token: str = "alice", **headers: str) -> Any:
        return await self.ask("PUT", path, token, body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    async def delete(self, path: str, token: str = "alice") -> Any:
        return await self.ask("DELETE", path, token)

    async def make(self, noun: str, token: str = "alice", **given: Any) -> Any:
        """A resource that must come into being; its body."""
        collection = {
            "security_group": "security-groups",
            "security_group_rule": "security-group-rules",
            "address_scope": "address-scopes",
            "address_group": "address-groups",
            "rbac_policy": "rbac-policies",
            "policy": "qos/policies",
        }
        made = await self.post(collection.get(noun, noun + "s"), {noun: given}, token)
        assert made.status_code == 201, made.text
        return made.json[noun]

    async def network(self, cidr: str | None = "10.0.0.0/24", token: str = "alice", **given: Any) -> Any:
        """A network with a subnet; the network's body, with ``subnet``."""
        made = await self.make("network", token, **{"name": "net", **given})
        if cidr:
            version = 6 if ":" in cidr else 4
            made["subnet"] = await self.make("subnet", token, network_id=made["id"], ip_version=version, cidr=cidr)
        return made

    async def external(self, cidr: str = "203.0.113.0/24") -> Any:
        """An external network."""
        provider = {"provider:network_type": "flat", "provider:physical_network": "physnet1"}
        made = await self.make("network", "admin", name="public", **{"router:external": True}, **provider)
        made["subnet"] = await self.make(
            "subnet", "admin", network_id=made["id"], ip_version=6 if ":" in cidr else 4, cidr=cidr, enable_dhcp=False
        )
        return made


class Told:
    """In the place of ``Events``: what the compute service would be told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def send(self, events: list[Event]) -> None:
        self.events += events

    def names(self, port_id: str) -> list[str]:
        return [event.name for event in self.events if event.tag == port_id]


class HandledBus(MemoryBus):
    """A host's connection whose casts return when they were handled, so that tests need not wait."""

    async def cast(self, topic: str, message: Message) -> None:
        await self.call(topic, message, type(None))  # type: ignore[type-var]


class Rig:
    """The service's parts and its hosts."""

    def __init__(self, parts: Parts, hub: Hub, told: Told, reconciler: Reconciler) -> None:
        self.parts, self.hub, self.told, self.reconciler = parts, hub, told, reconciler
        self.agents: dict[str, FakeAgent] = {}

    async def host(self, name: str, *roles: str) -> FakeAgent:
        """A host that reports and listens, but looks only when told to. With more roles than l2 it is a network host."""
        if roles:
            self.parts.config.network_hosts.append(name)
        bus = HandledBus(self.hub, f"network.{name}", "host")
        await bus.open()
        agent = FakeAgent(name, ["l2", *roles], bus)
        await agent.report()
        self.agents[name] = agent
        return agent

    async def state(self, name: str) -> rpc.HostNetworkState:
        """What the host would be answered."""
        return await self.agents[name].bus.call(rpc.TOPIC, rpc.AskHostState(host=name), rpc.HostNetworkState)

    async def generation(self, name: str) -> int:
        return (await self.state(name)).generation

    async def apply(self, name: str) -> None:
        """The host makes all that is wanted and says so."""
        await self.agents[name].look()


@pytest.fixture
def config() -> Config:
    return Config(auth=AuthConfig(auth_url="http://127.0.0.1:1/v3"), metadata_secret="secret")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/network.db"
    engine = sqlalchemy.create_engine(url)
    tables.metadata.create_all(engine)
    engine.dispose()
    made = db.connect(DatabaseConfig(url=url))
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def rig(config: Config, database: Database) -> AsyncIterator[Rig]:
    hub, told = Hub(), Told()
    bus = MemoryBus(hub, "network", "controller")
    await bus.open()
    telling = Telling(database, bus)
    tracer = Tracer(bus, "network", "controller")
    parts, reconciler = service.assemble(config, database, telling, told, tracer)  # type: ignore[arg-type]
    await bus.serve(rpc.TOPIC, parts.agents.handlers())
    await telling.start()
    made = Rig(parts, hub, told, reconciler)
    yield made
    for agent in made.agents.values():
        await agent.bus.close()
    await telling.stop()
    await bus.close()


@pytest.fixture
async def client(config: Config, rig: Rig) -> AsyncIterator[Client]:
    async with testing.ASGIConductor(build([service.api(config, rig.parts, Tokens())])) as conductor:
        yield Client(conductor)
