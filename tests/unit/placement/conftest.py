"""The placement service on a database of its own, asked over HTTP in process."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from falcon import testing

from tinstack.core import db
from tinstack.core.config import AuthConfig, DatabaseConfig
from tinstack.core.context import Context, LaunchClaims
from tinstack.core.errors import Unauthorized
from tinstack.core.http import build
from tinstack.placement import service, tables
from tinstack.placement.config import Config

CONTEXTS = {
    "admin": Context(user_id="admin", project_id="p0", roles=frozenset({"admin", "manager", "member", "reader"})),
    "service": Context(user_id="scheduler", project_id="svc", roles=frozenset({"service"})),
    "member": Context(user_id="alice", project_id="p1", roles=frozenset({"member", "reader"})),
    "host": Context(
        user_id="host", project_id="p1", roles=frozenset({"service"}), launch=LaunchClaims(host="c1", server="s1")
    ),
}


class Tokens:
    async def authenticate(self, token: str) -> Context:
        if token not in CONTEXTS:
            raise Unauthorized
        return CONTEXTS[token]


class Client:
    """``await client("PUT", "/traits/CUSTOM_X", version="1.6")``."""

    def __init__(self, conductor: testing.ASGIConductor) -> None:
        self._conductor = conductor

    async def __call__(
        self, method: str, path: str, json: Any = None, *, version: str = "1.39", token: str | None = "service"
    ) -> Any:
        headers = {"OpenStack-API-Version": f"placement {version}", **({"X-Auth-Token": token} if token else {})}
        path, _, query = path.partition("?")
        return await self._conductor.simulate_request(method, path, json=json, query_string=query, headers=headers)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[db.Database]:
    url = f"sqlite:///{tmp_path}/placement.db"
    engine = sqlalchemy.create_engine(url)
    tables.metadata.create_all(engine)
    engine.dispose()
    database = db.connect(DatabaseConfig(url=url))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def client(database: db.Database) -> AsyncIterator[Client]:
    config = Config(auth=AuthConfig(auth_url="http://127.0.0.1:1/v3"))
    async with testing.ASGIConductor(build([service.api(config, database, Tokens())])) as conductor:
        yield Client(conductor)


@pytest.fixture
def provider(client: Client) -> Any:
    """``uuid = await provider("host", VCPU=4)``: a provider with inventory."""

    async def make(name: str, parent: str | None = None, **totals: int) -> str:
        made = await client("POST", "/resource_providers", {"name": name, "parent_provider_uuid": parent})
        assert made.status_code == 200, made.text
        uuid = str(made.json["uuid"])
        body = {
            "inventories": {kind: {"total": total} for kind, total in totals.items()},
            "resource_provider_generation": 0,
        }
        assert (await client("PUT", f"/resource_providers/{uuid}/inventories", body)).status_code == 200
        return uuid

    return make
