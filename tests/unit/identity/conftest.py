"""The identity service alone: SQLite in a file, the bus in memory, requests handed to the application without a socket."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import falcon.testing
import msgspec
import pytest
import pytest_asyncio
import sqlalchemy as sa
from cryptography.fernet import Fernet

from tinstack.core import db
from tinstack.core.bus.memory import Hub, MemoryBus
from tinstack.core.config import AuthConfig, DatabaseConfig
from tinstack.core.service import Service
from tinstack.identity import bootstrap, tables
from tinstack.identity.config import Config
from tinstack.identity.service import create

ADMIN_PASSWORD = "correct horse"
SECRET = "0123456789abcdef" * 4
URL = "http://identity.example:5000/v3"

DOCUMENT = bootstrap.Document(
    admin=bootstrap.Admin(password=ADMIN_PASSWORD),
    service_users={"image": SECRET, "conductor": SECRET},
    services=[
        bootstrap.Entry(type="identity", name="identity", urls={"public": URL, "internal": URL}),
        bootstrap.Entry(type="compute", name="compute", urls={"public": "http://api.example/v2.1/%(project_id)s"}),
    ],
)


class Rig:
    """Requests as any client makes them."""

    def __init__(self, service: Service, hub: Hub, config: Config, database: db.Database) -> None:
        self.service, self.hub, self.config, self.database = service, hub, config, database
        self.conductor = falcon.testing.ASGIConductor(service.apps[0][1])

    async def send(
        self, method: str, path: str, body: Any = None, token: str = "", **headers: str
    ) -> falcon.testing.Result:
        """``headers``: with underscores for dashes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["X-Auth-Token"] = token
        path, _, query = path.partition("?")
        return await self.conductor.simulate_request(method, path, query_string=query, json=body, headers=sent)

    async def sign_in(
        self, name: str = "admin", password: str = ADMIN_PASSWORD, scope: Any = None
    ) -> falcon.testing.Result:
        """By password, in the default domain."""
        user = {"name": name, "domain": {"id": "default"}, "password": password}
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
        if scope is not None:
            auth["scope"] = scope
        return await self.send("POST", "/v3/auth/tokens", {"auth": auth})

    async def rescope(self, token: str, scope: Any) -> falcon.testing.Result:
        """By token."""
        auth = {"identity": {"methods": ["token"], "token": {"id": token}}, "scope": scope}
        return await self.send("POST", "/v3/auth/tokens", {"auth": auth})

    async def token(
        self, name: str = "admin", password: str = ADMIN_PASSWORD, scope: Any = None, project: str = "admin"
    ) -> str:
        """A token's text, for a project where no scope is given."""
        wanted = scope or {"project": {"name": project, "domain": {"id": "default"}}}
        answer = await self.sign_in(name, password, wanted)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["X-Subject-Token"])

    async def machine(self, name: str = "image") -> str:
        """A token of one of our services."""
        return await self.token(name, SECRET, project="service")

    async def validate(self, subject: str, token: str, method: str = "GET") -> falcon.testing.Result:
        """``method`` on a subject token."""
        return await self.send(method, "/v3/auth/tokens", token=token, X_Subject_Token=subject)

    async def make(self, token: str, noun: str, **fields: Any) -> Any:
        """A new resource by ``POST /v3/<noun>s``."""
        answer = await self.send("POST", f"/v3/{noun}s", {noun: fields}, token)
        assert answer.status_code == 201, answer.text
        return answer.json[noun]

    async def role_id(self, token: str, name: str) -> str:
        """The id of a global role."""
        return str((await self.send("GET", f"/v3/roles?name={name}", token=token)).json["roles"][0]["id"])

    async def person(self, token: str, name: str, role: str, place: str = "projects", place_id: str = "") -> Any:
        """A user of password ``pw`` with a role on a project or domain, or on the system."""
        user = await self.make(token, "user", name=name, password="pw", domain_id="default")
        path = f"/v3/{place}/{place_id}/users" if place_id else "/v3/system/users"
        granted = await self.send("PUT", f"{path}/{user['id']}/roles/{await self.role_id(token, role)}", token=token)
        assert granted.status_code == 204, granted.text
        return user


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bootstrapped database."""
    path = tmp_path_factory.mktemp("identity") / "template.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    tables.metadata.create_all(engine)
    engine.dispose()
    config = Config(
        auth=AuthConfig(auth_url=URL),
        database=DatabaseConfig(url=f"sqlite:///{path}"),
        fernet_keys="",
        credential_keys="",
    )
    assert bootstrap.run(config, msgspec.json.encode(DOCUMENT).decode())
    return path


@pytest_asyncio.fixture
async def rig(template: Path, tmp_path: Path) -> AsyncIterator[Rig]:
    """An identity service on a copy of it."""
    path = tmp_path / "identity.db"
    shutil.copy(template, path)
    config = Config(
        auth=AuthConfig(auth_url=URL),
        database=DatabaseConfig(url=f"sqlite:///{path}"),
        fernet_keys=Fernet.generate_key().decode(),
        credential_keys=Fernet.generate_key().decode(),
        lockout_attempts=2,
        lockout_seconds=3,
        unique_last_passwords=2,
    )
    assert config.database
    database = db.connect(config.database)
    await database.open()
    hub = Hub()
    bus = MemoryBus(hub, "identity", "controller")
    await bus.open()
    service = create(config, bus, database)
    for hook in service.on_start:
        await hook()
    made = Rig(service, hub, config, database)
    async with made.conductor:
        yield made
    for hook in service.on_stop:
        await hook()
    await bus.close()
    await database.close()
