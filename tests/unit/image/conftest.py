"""The image service on a database and a store of its own, asked over HTTP in process."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from falcon import testing

from tinstack.core import db
from tinstack.core.auth import Validation, last_validation
from tinstack.core.bus.memory import Hub, MemoryBus
from tinstack.core.config import AuthConfig, DatabaseConfig
from tinstack.core.context import Context, LaunchClaims
from tinstack.core.errors import Unauthorized
from tinstack.core.http import build
from tinstack.core.trace import Tracer
from tinstack.image import service, tables
from tinstack.image.config import Config, DownloadConfig, StoreConfig
from tinstack.image.download import Downloads
from tinstack.image.images import Images
from tinstack.image.imports import Imports
from tinstack.image.metadefs import Metadefs
from tinstack.image.parts import Parts
from tinstack.image.stores import Stores
from tinstack.image.tasks import Tasks

USER = frozenset({"member", "reader"})


class Tokens:
    """Tokens are names: ``alice`` and ``bob`` of two projects, ``admin``, ``reader``, ``host:IMAGE`` (a launch token)."""

    contexts = {
        "alice": Context(user_id="alice", project_id="p1", roles=USER),
        "bob": Context(user_id="bob", project_id="p2", roles=USER),
        "reader": Context(user_id="rita", project_id="p1", roles=frozenset({"reader"})),
        "system": Context(user_id="admin", system=True, roles=USER | {"admin", "manager"}),
        "admin": Context(user_id="admin", project_id="p0", roles=USER | {"admin", "manager"}),
    }

    async def authenticate(self, token: str) -> Context:
        if token.startswith("host:"):
            last_validation.set(Validation(1, 2, "cached"))
            claims = LaunchClaims(host="compute1", server="s1", image=token.removeprefix("host:"))
            return Context(user_id="conductor", project_id="p1", roles=frozenset({"service"}), launch=claims)
        if token not in self.contexts:
            raise Unauthorized
        return self.contexts[token]


class Client:
    """``await client("GET", "/v2/images", token="bob")``."""

    def __init__(self, conductor: testing.ASGIConductor) -> None:
        self._conductor = conductor

    async def __call__(
        self, method: str, path: str, body: Any = None, *, token: str = "alice", headers: Any = None, data: Any = None
    ) -> Any:
        path, _, query = path.partition("?")
        sent = {**({"X-Auth-Token": token} if token else {}), **(headers or {})}
        return await self._conductor.simulate_request(
            method, path, json=body, body=data, query_string=query, headers=sent
        )

    async def create(self, name: str = "one", *, token: str = "alice", data: bytes | None = None, **more: Any) -> Any:
        made = await self(
            "POST", "/v2/images", {"name": name, "disk_format": "raw", "container_format": "bare", **more}, token=token
        )
        assert made.status_code == 201, made.text
        if data is not None:
            assert (await self.upload(made.json["id"], data, token=token)).status_code == 204
        return made.json

    async def upload(self, id: str, data: bytes, *, token: str = "alice") -> Any:
        headers = {"Content-Type": "application/octet-stream"}
        return await self("PUT", f"/v2/images/{id}/file", headers=headers, data=data, token=token)

    async def patch(self, id: str, *steps: dict[str, Any], token: str = "alice") -> Any:
        headers = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
        return await self("PATCH", f"/v2/images/{id}", headers=headers, data=json.dumps(steps), token=token)


def config(path: Path) -> Config:
    """Two stores, the second one lighter."""
    return Config(
        auth=AuthConfig(auth_url="http://identity.example"),
        store_dir=str(path / "images"),
        more_stores=[StoreConfig(name="other", directory=str(path / "other"), weight=-10)],
        image_size_cap=8 * 1024 * 1024,
    )


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    url = f"sqlite:///{tmp_path}/image.db"
    engine = sqlalchemy.create_engine(url)
    tables.metadata.create_all(engine)
    engine.dispose()
    database = db.connect(DatabaseConfig(url=url))
    await database.open()
    stores = Stores(config(tmp_path))
    await stores.start()
    images, tasks = Images(database, stores), Tasks(database)
    imports = Imports(images, tasks, Downloads(DownloadConfig(allowed_ports=[], internal_addresses=True)))
    tracer = Tracer(MemoryBus(Hub(), "image", "controller"), "image", "controller")
    yield Parts(database, stores, images, imports, Metadefs(database), tasks, tracer)
    await imports.stop()
    await stores.stop()
    await database.close()


@pytest.fixture
def stored(parts: Parts) -> Callable[[], list[str]]:
    """The names of the files in the store."""
    return lambda: sorted(path.name for path in parts.stores.default.directory.iterdir())


@pytest.fixture
async def client(parts: Parts) -> AsyncIterator[Client]:
    config = Config(auth=AuthConfig(auth_url="http://127.0.0.1:1/v3"))
    async with testing.ASGIConductor(build([service.api(config, parts, Tokens())])) as conductor:
        yield Client(conductor)
