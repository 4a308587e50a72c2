"""A split cloud with several processes of each service that sells something, and crowds of requests against it; docs/rig.md."""

import asyncio
import contextlib
import importlib.util
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import aiohttp
import pytest

from tinstack.dev import configs
from tinstack.dev.cloud import Cloud

ROOT = Path(__file__).parents[2]
PROCESSES = "api=3,scheduler=2,placement=2,network=2,conductor=2"
START_SECONDS, REQUEST_SECONDS, SETTLE_SECONDS = 120, 120, 90


def _api_client() -> Any:
    spec = importlib.util.spec_from_file_location("api_conftest", ROOT / "tests/api/conftest.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


api = _api_client()


class Reply(NamedTuple):
    """An answer; ``body`` is None where it has none."""

    status: int
    body: Any


class Wish(NamedTuple):
    """One request of a crowd; ``version``: a microversion."""

    method: str
    service: str
    path: str
    body: Any = None
    version: str | None = None


class Tenant:
    """A fresh project with the administrator in it: what it uses is what its test made."""

    def __init__(self, rig: "Rig") -> None:
        self.rig = rig
        name = f"crowd-{uuid4().hex[:8]}"
        made = rig.admin.post("identity", "/projects", {"project": {"name": name, "domain_id": "default"}})
        assert made.status == 201, made.data
        self.id: str = made.json["project"]["id"]
        roles = rig.admin.get("identity", "/roles?name=admin").json["roles"]
        path = f"/projects/{self.id}/users/{rig.admin.user_id}/roles/{roles[0]['id']}"
        assert rig.admin.put("identity", path).status == 204
        self.client = api.Client(rig.cloud.auth_url, "admin", rig.cloud.secrets.admin, name)
        self.quota("compute", instances=-1, cores=-1, ram=-1)
        self.quota("network", network=-1, subnet=-1, port=-1, floatingip=-1, security_group=-1)
        self.quota("block-storage", volumes=-1, gigabytes=-1)

    def quota(self, service: str, **limits: int) -> None:
        """Set limits."""
        paths = {"network": "/v2.0/quotas/", "compute": "/os-quota-sets/", "block-storage": "/os-quota-sets/"}
        kind = "quota" if service == "network" else "quota_set"
        answer = self.rig.admin.put(service, paths[service] + self.id, {kind: limits})
        assert answer.status == 200, answer.data

    def crowd(self, wishes: Iterable[Wish]) -> list[Reply]:
        """All at once, each on a connection of its own, so that they spread over the processes; replies in order."""
        return asyncio.run(self._crowd(list(wishes)))

    async def _crowd(self, wishes: list[Wish]) -> list[Reply]:
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:

            async def one(wish: Wish) -> Reply:
                headers = {"X-Auth-Token": self.client.token}
                if wish.version:
                    headers["OpenStack-API-Version"] = f"{wish.service} {wish.version}"
                url = self.client.urls[wish.service] + wish.path
                async with session.request(wish.method, url, json=wish.body, headers=headers) as answer:
                    data = await answer.read()
                    return Reply(answer.status, json.loads(data) if data else None)

            return await asyncio.gather(*(one(wish) for wish in wishes))


class Rig:
    """The cloud, and its administrator."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.cloud = Cloud(state, configs.ports(_free_base()), hosts=2)
        command = [sys.executable, "-m", "tinstack.lab", "dev", "--split", "--processes", PROCESSES]
        command += ["--state", str(state), "--port-base", str(self.cloud.ports["identity"])]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "pyruntime")}
        with (state / "dev.out").open("ab") as output:
            self.process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, start_new_session=True
            )
        end = time.monotonic() + START_SECONDS
        while not (state / "ready.json").exists():
            assert self.process.poll() is None and time.monotonic() < end, (state / "dev.out").read_text()[-2000:]
            threading.Event().wait(0.1)
        self.admin = api.Client(self.cloud.auth_url, "admin", self.cloud.secrets.admin, "admin")

    def stop(self) -> None:
        """SIGTERM; it ends within seconds."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def _free_base() -> int:
    """Of eight free ports in a row; any of many, as other rigs may be looking for theirs right now."""
    for base in random.sample(range(23000, 24000 - 8, 8), 100):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(base, base + 8):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise RuntimeError("no eight free ports in a row")


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One cloud for all tests."""
    made = Rig(tmp_path_factory.mktemp("rig"))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def tenant(rig: Rig) -> Tenant:
    """A project of the test's own."""
    return Tenant(rig)


@pytest.fixture
def wish() -> type[Wish]:
    """One request of a crowd."""
    return Wish
