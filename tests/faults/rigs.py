"""The rig as tests hold it: a split cloud on a private MariaDB and RabbitMQ, what may be asked of it and broken in it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from faults import checks
from faults.clouds import ROOT, Held
from tinstack.core import crash
from tinstack.dev.backends import Backends
from tinstack.dev.cloud import Cloud

TUNING = """
[rig]
restart_seconds = 0.2
hosts_per_process = 1
[api]
owner_lease_seconds = 1.0
boot_deadline_seconds = 20.0
action_deadline_seconds = 15.0
service_down_seconds = 5.0
[scheduler]
hosts_seconds = 0.2
[conductor]
scheduler_lease_seconds = 2.0
host_lease_seconds = 3.0
own_lease_seconds = 2.0
reconcile_seconds = 0.5
sweep_seconds = 3.0
service_down_seconds = 5.0
[compute]
report_seconds = 2.0
vif_plug_seconds = 15.0
[network]
agent_down_seconds = 4.0
flat_networks = ["physnet1", "physnet2"]
"""
"""So that what died is taken over within seconds. ``boot_deadline_seconds`` is what every server must meet."""

STOLEN = "stolen"
"""A host that the bus knows and that no agent runs on: tests speak with its credentials."""

PREPARED = [f"{service}:{point}" for service in crash.STEPS for point in crash.points(service)]
"""All points are armed when the rig starts; markers hold them back."""


class Rig(Held):
    """The split cloud, its backends, and who may sign in."""

    def __init__(self, state: Path, cloud: Cloud, backends: Backends) -> None:
        super().__init__(state, cloud)
        self.backends = backends
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, processes: str = "") -> None:
        """Until it is ready; every crash point is armed. ``processes``: of which services there are several."""
        command = [sys.executable, "-m", "tinstack.lab", "dev", "--split", "--state", str(self.state)]
        command += ["--port-base", str(self.cloud.ports["identity"])]
        command += ["--database", self.backends.database_url, "--bus", self.backends.bus_url]
        if processes:
            command += ["--processes", processes]
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
        self.compute = {host: f"compute-{number}" for number, host in enumerate(self.hosts, 1)}
        self.sign_in()

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

    @contextlib.contextmanager
    def stopping(self, service: str, point: str) -> Iterator[Path]:
        """The same, but one process stands still there instead, until the end of this."""
        stop = self.state / "crashed" / service / f"{point}.stop"
        stop.touch()
        marker = self.arm(service, point)
        try:
            yield marker
        finally:
            for name, pid in self.pids().items():
                if name.startswith(service):
                    os.kill(pid, signal.SIGCONT)
            stop.unlink()

    def disarm(self) -> None:
        """Nobody dies any more."""
        for one in PREPARED:
            service, _, point = one.partition(":")
            (self.state / "crashed" / service / point).touch()

    @contextlib.contextmanager
    def without(self, name: str) -> Iterator[None]:
        """That process is dead meanwhile."""
        held = self.state / "held" / name
        held.parent.mkdir(exist_ok=True)
        held.touch()
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        try:
            checks.until(lambda: not os.path.exists(f"/proc/{pid}"), 10, f"{name} dead")
            yield
        finally:
            held.unlink()
            checks.until(lambda: self.pids()[name] != pid, 20, f"{name} started again")
            host = next((host for host, process in self.compute.items() if process == name), None)
            checks.until(lambda: host is None or self.is_up(host), 20, f"{host} up again")

    def is_up(self, host: str) -> bool:
        """Whether servers are sent to that host."""
        found = checks.read(self.admin, "compute", f"/os-services?binary=nova-compute&host={host}")["services"]
        return bool(found and found[0]["state"] == "up")

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """That process does nothing meanwhile."""
        pid = self.pids()[name]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
