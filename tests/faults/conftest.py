"""One split cloud on a private MariaDB and RabbitMQ for all fault tests, with short leases; docs/rig.md."""

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tinstack.core import crash
from tinstack.dev import configs
from tinstack.dev.backends import Backends
from tinstack.dev.cloud import Cloud
from tinstack.dev.rig import make_backends

ROOT = Path(__file__).parents[2]
TUNING = """
[api]
owner_lease_seconds = 2.0
boot_deadline_seconds = 45.0
[scheduler]
lease_seconds = 3.0
[conductor]
scheduler_lease_seconds = 3.0
host_lease_seconds = 4.0
own_lease_seconds = 3.0
reconcile_seconds = 0.5
sweep_seconds = 3.0
[compute]
report_seconds = 2.0
vif_plug_seconds = 20.0
"""
"""So that what died is taken over within seconds. ``boot_deadline_seconds`` is what every server must meet."""

DEADLINE_SECONDS = 60.0
"""The boot's deadline, and what the conductor may take to notice that it is over."""

PREPARED = [f"{service}:{point}" for service in crash.STEPS for point in crash.points(service)]


def _api_client() -> Any:
    spec = importlib.util.spec_from_file_location("api_conftest", ROOT / "tests/api/conftest.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


api = _api_client()


class Rig:
    """The split cloud, its backends, and who may sign in."""

    def __init__(self, state: Path, cloud: Cloud, backends: Backends) -> None:
        self.state, self.cloud, self.backends = state, cloud, backends
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it is ready; every crash point is armed."""
        command = [sys.executable, "-m", "tinstack.lab", "dev", "--split", "--state", str(self.state)]
        command += ["--port-base", str(self.cloud.ports["identity"])]
        command += ["--database", self.backends.database_url, "--bus", self.backends.bus_url]
        for one in PREPARED:
            command += ["--crash", one]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "pyruntime")}
        with (self.state / "dev.out").open("ab") as output:
            self.process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, start_new_session=True
            )
        end = time.monotonic() + 120
        while not (self.state / "ready.json").exists():
            assert self.process.poll() is None and time.monotonic() < end, (self.state / "dev.out").read_text()[-2000:]
            threading.Event().wait(0.1)
        self.admin = api.Client(self.cloud.auth_url, "admin", self.cloud.secrets.admin, "admin")
        self.demo = api.Client(self.cloud.auth_url, "demo", self.cloud.secrets.demo, "demo")
        self.image = self.demo.get("image", "/v2/images?name=tiny").json["images"][0]["id"]
        self.network = self.demo.get("network", "/v2.0/networks?name=demo-net").json["networks"][0]["id"]
        quotas = {"quota_set": {"instances": -1, "cores": -1, "ram": -1}}
        assert self.admin.put("compute", f"/os-quota-sets/{self.demo.project_id}", json=quotas).status == 200

    def stop(self) -> None:
        """SIGTERM; it ends within seconds."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def pids(self) -> dict[str, int]:
        """Of every service's process."""
        found: dict[str, int] = json.loads((self.state / "ready.json").read_text())["processes"]
        return found

    def arm(self, service: str, point: str) -> Path:
        """Let the process die at this point; the marker that it leaves. All points are armed: others' markers hold them back."""
        marker = self.state / "crashed" / service / point
        marker.unlink(missing_ok=True)
        return marker

    def boot(self, name: str, seconds: float = 20.0) -> str:
        """Ask for a server, again as long as the API is away; its id."""
        body = {
            "server": {"name": name, "flavorRef": "42", "imageRef": self.image, "networks": [{"uuid": self.network}]}
        }
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                answer = self.demo.post("compute", "/servers", body)
                if answer.status == 202:
                    return str(answer.json["server"]["id"])
                assert answer.status >= 500, answer.data
            assert time.monotonic() < end, f"no server within {seconds} s"
            threading.Event().wait(0.2)

    def named(self, name: str) -> list[dict[str, Any]]:
        """The servers of that name."""
        found = self._read("compute", f"/servers/detail?name=^{name}$")["servers"]
        return [one for one in found if one["name"] == name]

    def ended(self, name: str) -> list[dict[str, Any]]:
        """The servers of that name once none is being built."""
        end = time.monotonic() + DEADLINE_SECONDS
        while True:
            servers = self.named(name)
            if all(one["status"] in ("ACTIVE", "ERROR") for one in servers):
                return servers
            assert time.monotonic() < end, f"past the deadline: {servers}"
            threading.Event().wait(0.1)

    def _read(self, service: str, path: str, client: Any = None) -> Any:
        end = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                answer = (client or self.demo).get(service, path)
                if answer.status == 200:
                    return answer.json
            assert time.monotonic() < end, f"{service} {path} is away"
            threading.Event().wait(0.1)

    def delete_all(self) -> None:
        """No servers; then nothing is left of any: no claims, ports or attachments."""
        end = time.monotonic() + DEADLINE_SECONDS
        while servers := self._read("compute", "/servers")["servers"]:
            for server in servers:
                with contextlib.suppress(OSError):
                    self.demo.delete("compute", f"/servers/{server['id']}")
            assert time.monotonic() < end, f"not deleted: {servers}"
            threading.Event().wait(0.2)
        while left := self.left_over():
            assert time.monotonic() < end, f"without an owner: {left}"
            threading.Event().wait(0.2)

    def left_over(self) -> list[str]:
        """What is there of servers that are not."""
        servers = {one["id"] for one in self._read("compute", "/servers?all_tenants=1", self.admin)["servers"]}
        found = []
        for provider in self._read("placement", "/resource_providers", self.admin)["resource_providers"]:
            held = self._read("placement", f"/resource_providers/{provider['uuid']}/allocations", self.admin)
            found += [f"claim {consumer}" for consumer in held["allocations"] if consumer not in servers]
        for port in self._read("network", "/v2.0/ports", self.admin)["ports"]:
            if port["device_owner"].startswith("compute:") and port["device_id"] not in servers:
                found.append(f"port {port['id']}")
        guests = (self.state / "instances").glob("*/*.json")
        return found + [f"guest {guest}" for guest in guests if guest.stem not in servers]


def _free_base() -> int:
    for base in range(31200, 32700, 8):
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
    """Every crash point is armed, and held back by its marker until a test takes that away."""
    state = tmp_path_factory.mktemp("rig")
    (state / "tuning.toml").write_text(TUNING)
    for service in crash.STEPS:
        folder = state / "crashed" / service
        folder.mkdir(parents=True)
        for point in crash.points(service):
            (folder / point).touch()
    cloud = Cloud(state, configs.ports(_free_base()), hosts=2)
    with make_backends(state / "backends", cloud) as backends:
        made = Rig(state, cloud, backends)
        made.start()
        try:
            yield made
        finally:
            made.stop()
