"""The volume service on a database of its own, asked over HTTP in process; two fake backends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from falcon import testing

from tinstack.core import db
from tinstack.core.auth import Validation, last_validation
from tinstack.core.bus.memory import Hub, MemoryBus
from tinstack.core.client import Answer, RemoteError
from tinstack.core.config import AuthConfig, DatabaseConfig
from tinstack.core.context import Context, LaunchClaims
from tinstack.core.errors import Unauthorized
from tinstack.core.http import build
from tinstack.core.trace import Tracer
from tinstack.volume import service, tables
from tinstack.volume.config import BackendConfig, Config
from tinstack.volume.parts import Parts
from tinstack.volume.work import Work

USER = frozenset({"member", "reader"})
IMAGE = "9b0f2a36-6f2e-4b7e-9d3e-0f4e5f6a7b8c"
SERVER = "11111111-2222-3333-4444-555555555555"


class Tokens:
    """Tokens are names: ``alice`` and ``bob`` of two projects, ``admin``, ``service``, ``host:SERVER`` (a launch token)."""

    contexts = {
        "alice": Context(user_id="alice", project_id="p1", roles=USER, token="alice"),
        "bob": Context(user_id="bob", project_id="p2", roles=USER, token="bob"),
        "reader": Context(user_id="rita", project_id="p1", roles=frozenset({"reader"})),
        "admin": Context(user_id="admin", project_id="p0", roles=USER | {"admin", "manager"}, token="admin"),
        "service": Context(user_id="conductor", project_id="svc", roles=frozenset({"service"})),
    }

    async def authenticate(self, token: str) -> Context:
        if token.startswith("host:"):
            last_validation.set(Validation(1, 2, "ok"))
            claims = LaunchClaims(host="compute1", server=token.removeprefix("host:"))
            return Context(user_id="conductor", project_id="p1", roles=frozenset({"service"}), launch=claims)
        if token not in self.contexts:
            raise Unauthorized
        return self.contexts[token]


class Elsewhere:
    """The other services: one image, and servers whose attachments the compute service has (``attached``)."""

    def __init__(self) -> None:
        self.image = {
            "id": IMAGE,
            "name": "tiny",
            "status": "active",
            "disk_format": "raw",
            "size": 4096,
            "min_disk": 2,
            "hw_x": "1",
        }
        self.data = b"x" * 4096
        self.attached: dict[str, str] = {}
        self.events: list[dict[str, str]] = []

    async def endpoint(self, kind: str) -> str:
        return f"http://{kind}"

    async def token(self) -> str:
        return "service"

    async def on_behalf(self, context: Context) -> dict[str, str]:
        return {}

    async def send(self, method: str, url: str, **more: Any) -> Answer:
        if not url.endswith(IMAGE):
            raise RemoteError("image", 404, "no such image")
        return Answer(200, {}, db.to_json(self.image).encode())

    def stream(self, method: str, url: str, **more: Any) -> Any:
        return _Stream(self.data)

    async def request(self, method: str, kind: str, path: str, **more: Any) -> Answer:
        if path == "/os-server-external-events":
            self.events += more["json"]["events"]
            return Answer(200, {}, b"{}")
        volume = path.rpartition("/")[2]
        if volume not in self.attached:
            raise RemoteError("compute", 404, "no such attachment")
        return Answer(200, {}, db.to_json({"volumeAttachment": {"attachment_id": self.attached[volume]}}).encode())


class _Stream:
    def __init__(self, data: bytes) -> None:
        self.content, self._data = self, data

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        yield self._data


class Client:
    """``await client("POST", "/volumes", {"volume": {"size": 1}})``."""

    def __init__(self, conductor: testing.ASGIConductor) -> None:
        self._conductor = conductor

    async def __call__(
        self, method: str, path: str, json: Any = None, *, token: str = "alice", version: str = "3.0"
    ) -> Any:
        path, _, query = path.partition("?")
        headers = {"OpenStack-API-Version": f"volume {version}", **({"X-Auth-Token": token} if token else {})}
        if not path.startswith("/v3") and path != "/":
            path = f"/v3{path}"
        return await self._conductor.simulate_request(method, path, json=json, query_string=query, headers=headers)

    async def action(self, volume: str, name: str, body: Any = None, **more: Any) -> Any:
        return await self("POST", f"/volumes/{volume}/action", {name: body or {}}, **more)

    async def wait(self, path: str, status: str, **more: Any) -> Any:
        """Until it has that status."""
        async with asyncio.timeout(60):
            while True:
                found = next(iter((await self("GET", path, **more)).json.values()))
                if found["status"] == status:
                    return found
                await asyncio.sleep(0.005)

    async def gone(self, path: str) -> None:
        """Until it is not there."""
        async with asyncio.timeout(60):
            while True:
                if (await self("GET", path)).status_code == 404:
                    return
                await asyncio.sleep(0.005)

    async def volume(self, size: int | None = 1, *, token: str = "alice", **more: Any) -> Any:
        """A volume that is available."""
        made = await self("POST", "/volumes", {"volume": {**({"size": size} if size else {}), **more}}, token=token)
        assert made.status_code == 202, made.text
        return await self.wait(f"/volumes/{made.json['volume']['id']}", "available", token=token)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[db.Database]:
    url = f"sqlite:///{tmp_path}/volume.db"
    engine = sqlalchemy.create_engine(url)
    tables.metadata.create_all(engine)
    engine.dispose()
    database = db.connect(DatabaseConfig(url=url))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    backends = [BackendConfig(name="lab1", driver="fake"), BackendConfig(name="lab2", driver="fake")]
    auth = AuthConfig(auth_url="http://127.0.0.1:1/v3")
    return Config(auth=auth, backends=backends, host="controller", state_dir=str(tmp_path / "state"))


@pytest.fixture
async def assemble(
    config: Config, database: db.Database, elsewhere: Any
) -> AsyncIterator[Callable[[], Awaitable[tuple[Parts, Work]]]]:
    """``parts, work = await assemble()``: a process of the service; all are stopped at the end."""
    running: list[Work] = []

    async def make() -> tuple[Parts, Work]:
        tracer = Tracer(MemoryBus(Hub(), "volume", "controller"), "volume", "controller")
        parts, work = service.assemble(config, database, elsewhere, tracer)
        for driver in parts.drivers.values():
            await driver.start()
        await parts.types.start()
        await work.start()
        running.append(work)
        return parts, work

    yield make
    for work in running:
        await work.stop()


@pytest.fixture
async def parts(assemble: Any) -> Parts:
    found: Parts = (await assemble())[0]
    return found


@pytest.fixture
async def client(config: Config, parts: Parts) -> AsyncIterator[Client]:
    async with testing.ASGIConductor(build(service.apis(config, parts, Tokens()))) as conductor:
        yield Client(conductor)
