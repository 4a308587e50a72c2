"""The cloud that is measured: ``dev --split`` on a private MariaDB and RabbitMQ, and a project without limits in it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from load import BenchError, Connection

ROOT = Path(__file__).resolve().parents[2]
PORT_BASE, READY_SECONDS, STOP_SECONDS = 30600, 180, 30
CIDR = "10.64.0.0/16"
UNLIMITED = -1


class Rig:
    """``ready``: what the cloud wrote when it was usable; ``started``: seconds from its start to the first list of servers."""

    def __init__(self, state: Path, started: float) -> None:
        self.state, self.started = state, started
        self.ready: dict[str, Any] = json.loads((state / "ready.json").read_text())
        self.urls: dict[str, str] = {}
        self.token = self.project = self.network = self.flavor = self.image = ""
        self.login: dict[str, Any] = {}

    def connect(self, service: str, **headers: str) -> Connection:
        """A connection of its own to a service, as the bench's user."""
        return Connection(self.urls[service], {"X-Auth-Token": self.token, **headers})

    async def prepare(self) -> None:
        """A project without quotas, its user, and a network with room for all servers."""
        entry = json.loads((self.state / "clouds.yaml").read_text())["clouds"]["tinstack-admin"]["auth"]
        await self._sign_in(entry["username"], entry["password"], entry["project_name"])
        identity = self.connect("identity")
        made = await identity.json("POST", "/projects", {"project": {"name": "bench"}})
        self.project = made["project"]["id"]
        [admin] = (await identity.json("GET", f"/users?name={entry['username']}"))["users"]
        [role] = (await identity.json("GET", "/roles?name=admin"))["roles"]
        path = f"/projects/{self.project}/users/{admin['id']}/roles/{role['id']}"
        await identity.json("PUT", path, wanted=(204,))
        await self._sign_in(entry["username"], entry["password"], "bench")
        limits = dict.fromkeys(("instances", "cores", "ram"), UNLIMITED)
        await self.connect("compute").json("PUT", f"/os-quota-sets/{self.project}", {"quota_set": limits})
        network = self.connect("network")
        await network.json("PUT", f"/v2.0/quotas/{self.project}", {"quota": {"port": UNLIMITED}})
        made = await network.json("POST", "/v2.0/networks", {"network": {"name": "bench"}})
        self.network = made["network"]["id"]
        subnet = {"network_id": self.network, "ip_version": 4, "cidr": CIDR}
        await network.json("POST", "/v2.0/subnets", {"subnet": subnet})
        flavors = (await self.connect("compute").json("GET", "/flavors/detail"))["flavors"]
        self.flavor = min(flavors, key=lambda one: one["ram"])["id"]
        self.image = (await self.connect("image").json("GET", "/v2/images"))["images"][0]["id"]

    async def _sign_in(self, user: str, password: str, project: str) -> None:
        domain = {"name": "Default"}
        person = {"name": user, "domain": domain, "password": password}
        identity = {"methods": ["password"], "password": {"user": person}}
        self.login = {"auth": {"identity": identity, "scope": {"project": {"name": project, "domain": domain}}}}
        answer = await Connection(self.ready["auth_url"]).request("POST", "/auth/tokens", self.login)
        if answer.status != 201:
            raise BenchError(f"No token: {answer.status} {answer.body[:300].decode(errors='replace')}")
        self.token = answer.headers["x-subject-token"]
        catalog = json.loads(answer.body)["token"]["catalog"]
        self.urls = {entry["type"]: entry["endpoints"][0]["url"] for entry in catalog}

    def own_pids(self) -> list[int]:
        """Our services' processes: not the broker, the database, the simulated hosts or the supervisor."""
        apart = {
            name: pid
            for name, pid in self.ready["processes"].items()
            if not name.startswith(("compute", "network-agent"))
        }
        return sorted(apart.values())


@contextmanager
def running(state: Path, *options: str) -> Iterator[Rig]:
    """A cloud for as long as the block runs. Raises BenchError."""
    command = [sys.executable, "-m", "tinstack.lab", "dev", "--split", "--state", str(state)]
    command += ["--port-base", str(PORT_BASE), *options]
    began = time.perf_counter()
    with state.with_suffix(".log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=os.environ)
    try:
        while not (state / "ready.json").exists():
            if process.poll() is not None or time.perf_counter() - began > READY_SECONDS:
                raise BenchError(f"The cloud did not start: {state.with_suffix('.log').read_text()[-2000:]}")
            time.sleep(0.02)
        yield Rig(state, time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
