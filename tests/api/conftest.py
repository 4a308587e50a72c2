"""A whole cloud for API tests: every service in this process on free ports, with simulated hosts.

With ``TINSTACK_TEST_BACKENDS=real`` it stands on a private MariaDB and RabbitMQ instead of SQLite and the bus in memory.
"""

import asyncio
import contextlib
import json
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import uvloop

from tinstack.dev import backends, configs, content
from tinstack.dev.cloud import Cloud
from tinstack.dev.rig import make_backends

START_SECONDS = 180
STOLEN = "stolen"
"""A host that the bus knows and that no agent runs on: tests speak with its credentials."""


class Answer(NamedTuple):
    """An answer with its body read; ``json`` is None where it has none."""

    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data) if self.data else None


class Client:
    """A user signed in. ``client.get("compute", "/servers", version="2.96")``."""

    def __init__(
        self, auth_url: str, user: str, password: str, project: str | None = None, system: bool = False
    ) -> None:
        self.auth_url = auth_url
        domain = {"id": "default"}
        person = {"name": user, "domain": domain, "password": password}
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": person}}}
        if project:
            auth["scope"] = {"project": {"name": project, "domain": domain}}
        if system:
            auth["scope"] = {"system": {"all": True}}
        answer = send("POST", f"{auth_url}/auth/tokens", {"auth": auth})
        assert answer.status == 201, answer.data
        self.token, body = answer.headers["x-subject-token"], answer.json["token"]
        self.user_id = body["user"]["id"]
        self.project_id = body.get("project", {}).get("id", "")
        self.urls = {entry["type"]: entry["endpoints"][0]["url"] for entry in body.get("catalog", [])}

    def request(
        self,
        method: str,
        service: str,
        path: str,
        json: Any = None,
        *,
        version: str | None = None,
        headers: dict[str, str] | None = None,
        data: bytes | None = None,
    ) -> Answer:
        """``path`` below the catalog's endpoint."""
        sent = {"X-Auth-Token": self.token, **(headers or {})}
        if version:
            sent["OpenStack-API-Version"] = f"{'volume' if service == 'block-storage' else service} {version}"
        return send(method, self.urls[service] + path, json, sent, data)

    def get(self, service: str, path: str, **options: Any) -> Answer:
        return self.request("GET", service, path, **options)

    def post(self, service: str, path: str, json: Any = None, **options: Any) -> Answer:
        return self.request("POST", service, path, json, **options)

    def put(self, service: str, path: str, json: Any = None, **options: Any) -> Answer:
        return self.request("PUT", service, path, json, **options)

    def patch(self, service: str, path: str, json: Any = None, **options: Any) -> Answer:
        return self.request("PATCH", service, path, json, **options)

    def delete(self, service: str, path: str, **options: Any) -> Answer:
        return self.request("DELETE", service, path, **options)

    def wait(self, service: str, path: str, done: Any, seconds: float = 90.0, **options: Any) -> Answer:
        """Poll ``path`` until ``done(answer)``; fails with the last answer."""
        end = time.monotonic() + seconds
        while True:
            answer = self.get(service, path, **options)
            if done(answer):
                return answer
            assert time.monotonic() < end, f"{path} did not get there in {seconds} s: {answer.data!r}"
            threading.Event().wait(0.02)


def send(
    method: str, url: str, body: Any = None, headers: dict[str, str] | None = None, data: bytes | None = None
) -> Answer:
    """One request by the standard library."""
    sent = dict(headers or {})
    if body is not None:
        data = json.dumps(body).encode()
        sent.setdefault("Content-Type", "application/json")
    request = urllib.request.Request(url, data=data, headers=sent, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    try:
        with opener.open(request, timeout=30) as response:
            return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, response.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any, **named: Any) -> None:
        return None


class TestCloud:
    """The cloud, and who may sign in to it."""

    __test__ = False

    def __init__(self, cloud: Cloud, loop: asyncio.AbstractEventLoop) -> None:
        self.cloud, self.loop = cloud, loop
        self.auth_url = cloud.auth_url
        self.metrics_url = f"http://127.0.0.1:{cloud.metrics}/metrics"
        self.admin = Client(self.auth_url, "admin", cloud.secrets.admin, "admin")
        self.system_admin = Client(self.auth_url, "admin", cloud.secrets.admin, system=True)
        self.demo = Client(self.auth_url, "demo", cloud.secrets.demo, "demo")

    def image_id(self, name: str = "tiny") -> str:
        return str(self.admin.get("image", f"/v2/images?name={name}").json["images"][0]["id"])

    def network_id(self, name: str = "demo-net") -> str:
        return str(self.admin.get("network", f"/v2.0/networks?name={name}").json["networks"][0]["id"])


def free_base() -> int:
    """The first of nine free ports in a row: the services', then one for Prometheus."""
    for base in range(21000, 60000, 16):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(base, base + 9):
                    probe = stack.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise RuntimeError("no nine free ports in a row")


class _Thread:
    """The cloud's event loop in a thread of its own."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.problem = cloud, None
        self.ready, self.loop = threading.Event(), uvloop.new_event_loop()
        self.stopping = asyncio.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        self.loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        try:
            await self.cloud.start()
            async with content.signed_in(self.cloud.auth_url, self.cloud.secrets.admin) as admin:
                await content.fill(admin, self.cloud.secrets.demo)
        except BaseException as problem:
            self.problem = problem
        self.ready.set()
        if self.problem is None:
            await self.stopping.wait()
        await self.cloud.stop()

    def __enter__(self) -> Cloud:
        self.thread.start()
        assert self.ready.wait(START_SECONDS), "the cloud did not start"
        if self.problem:
            raise self.problem
        return self.cloud

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join(20)


@contextlib.contextmanager
def running(state: Path, tuning: configs.Tuning | None = None) -> Iterator[TestCloud]:
    """A whole cloud with two simulated hosts and the usual content."""
    with contextlib.ExitStack() as stack:
        base = free_base()
        made = Cloud(state, configs.ports(base), hosts=2, tuning=tuning, metrics=base + 8)
        if os.environ.get("TINSTACK_TEST_BACKENDS") == "real":
            real: backends.Backends = stack.enter_context(make_backends(state / "backends", made, [STOLEN]))
            made.places = configs.Places(database=real.database_url, bus=real.bus_url)
        thread = _Thread(made)
        stack.enter_context(thread)
        yield TestCloud(made, thread.loop)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCloud]:
    """One cloud for the whole run; tests make what they need under names of their own."""
    with running(tmp_path_factory.mktemp("cloud")) as made:
        yield made


@pytest.fixture(scope="module")
def own_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCloud]:
    """One of a module's own, where what others leave behind would disturb."""
    with running(tmp_path_factory.mktemp("own-cloud")) as made:
        yield made
