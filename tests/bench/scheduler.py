"""The scheduler at scale: decisions per second with many simulated hosts, and what the hosts' heartbeats cost.

``python tests/bench/scheduler.py [--hosts N] [--servers N]`` with pyruntime in PYTHONPATH. A cloud of processes on a private MariaDB and
RabbitMQ (docs/rig.md). A decision is steps 9 to 12 of a boot as it really is: the operation taken, filters and weighers, the claim in
placement, the host swapped into the server, the host told. The simulated hosts stand still meanwhile (SIGSTOP), so that what
follows step 12 takes no part of the machine.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from load import BenchError

from tinstack.core.client import Http
from tinstack.dev.content import Client

ROOT = Path(__file__).parents[2]
START_SECONDS, DECIDE_SECONDS = 240.0, 120.0
SETTLE_SECONDS = 75.0
"""After the start, before idleness is measured: the conductor's first sweep, after a minute, asks placement about each host once."""

FLAVOR = {"name": "bench", "id": "bench", "vcpus": 1, "ram": 64, "disk": 1}
TICKS = os.sysconf("SC_CLK_TCK")
SIMULATED = ("compute-", "network-agent")


def cpu_seconds(pid: int) -> float:
    """What a process and its children that ended have used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def pss_mib(pid: int) -> float:
    """Its proportional share of memory."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


@contextlib.contextmanager
def rig(state: Path, hosts: int, port_base: int, options: list[str]) -> Iterator[dict[str, Any]]:
    """The cloud; its ``ready.json``."""
    command = [sys.executable, "-P", "-m", "tinstack.lab", "dev", "--split", "--hosts", str(hosts)]
    command += ["--state", str(state), "--port-base", str(port_base), *options]
    with (state / "out").open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": f"{ROOT}/pyruntime"},
            stdout=output,
            stderr=output,
        )
    try:
        end = time.monotonic() + START_SECONDS
        while not (state / "ready.json").exists():
            if process.poll() is not None or time.monotonic() > end:
                raise BenchError(f"The cloud did not start: {(state / 'out').read_text()[-2000:]}")
            time.sleep(0.1)
        yield json.loads((state / "ready.json").read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def processes(ready: Mapping[str, Any]) -> dict[str, int]:
    """Name → pid, with the backends' own: MariaDB and RabbitMQ's Erlang."""
    found: dict[str, int] = dict(ready["processes"])
    for pid in ready["pids"]:
        for one in (pid, *_children(pid)):
            name = Path(f"/proc/{one}/comm").read_text().strip()
            if name in ("mariadbd", "beam.smp"):
                found["MariaDB" if name == "mariadbd" else "RabbitMQ"] = one
    return found


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


async def _decide(ready: Mapping[str, Any], password: str, servers: int) -> float:
    """Seconds from the answer to the request for so many servers until all have their claim."""
    http = Http()
    try:
        admin = Client(http, ready["auth_url"], "admin", password, "admin")
        await admin.sign_in()
        image = (await admin.request("GET", "image", "/v2/images?name=tiny"))["images"][0]["id"]
        await admin.request("POST", "compute", "/flavors", {"flavor": FLAVOR})
        unlimited = {"quota_set": {"instances": -1, "cores": -1, "ram": -1}}
        await admin.request("PUT", "compute", f"/os-quota-sets/{admin.project_id}", unlimited)
        body = {"name": "bench", "flavorRef": "bench", "imageRef": image, "networks": "none"}
        body |= {"min_count": servers, "max_count": servers}
        new = {"OpenStack-API-Version": "compute 2.37"}
        await admin.request("POST", "compute", "/servers", {"server": body}, headers=new)
        began = time.monotonic()
        while time.monotonic() < began + DECIDE_SECONDS:
            usages = f"/usages?project_id={admin.project_id}"
            found = await admin.request("GET", "placement", usages, headers={"OpenStack-API-Version": "placement 1.9"})
            if found["usages"].get("VCPU", 0) >= servers:
                return time.monotonic() - began
            await asyncio.sleep(0.1)
        raise BenchError(f"Not decided within {DECIDE_SECONDS:g} s: {found}")
    finally:
        await http.close()


def measure(
    hosts: int = 1000,
    servers: int = 1000,
    idle_seconds: float = 30.0,
    port_base: int = 23000,
    options: list[str] | None = None,
) -> dict[str, Any]:
    """``decisions_per_second``, from the answer to the request for all servers to the last claim; by process: ``decision_cpu_ms`` (beyond
    what it takes when idle), ``idle_cpu_percent`` of one core, ``pss_mib``.
    """
    with tempfile.TemporaryDirectory(prefix="tinstack-bench-") as folder:
        state = Path(folder)
        with rig(state, hosts, port_base, options or []) as ready:
            pids = processes(ready)
            password = json.loads((state / "secrets.json").read_text())["admin"]
            time.sleep(SETTLE_SECONDS)
            idle = _used(pids)
            time.sleep(idle_seconds)
            idle = {name: (now - idle[name]) / idle_seconds * 100 for name, now in _used(pids).items()}
            with _standing_still([pid for name, pid in pids.items() if name.startswith(SIMULATED)]):
                before = _used(pids)
                seconds = asyncio.run(_decide(ready, password, servers))
                after = _used(pids)
            spent = {
                name: max(0.0, after[name] - before[name] - idle[name] / 100 * seconds) / servers * 1000
                for name in pids
            }
            return {
                "hosts": hosts,
                "servers": servers,
                "decisions_per_second": servers / seconds,
                "idle_cpu_percent": idle,
                "decision_cpu_ms": spent,
                "pss_mib": {name: pss_mib(pid) for name, pid in pids.items()},
            }


def is_ours(name: str) -> bool:
    """A process of a controller's service."""
    return name not in ("MariaDB", "RabbitMQ") and not name.startswith(SIMULATED)


def _used(pids: Mapping[str, int]) -> dict[str, float]:
    return {name: cpu_seconds(pid) for name, pid in pids.items()}


@contextlib.contextmanager
def _standing_still(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--servers", type=int, default=1000)
    parser.add_argument("--port-base", type=int, default=23000)
    given = parser.parse_args()
    found = measure(given.hosts, given.servers, port_base=given.port_base)
    print(f"{found['hosts']} hosts, {found['servers']} servers: {found['decisions_per_second']:.0f} decisions/s")
    print(f"{'process':16} {'ms CPU a decision':>18} {'% of a core idle':>18} {'PSS MiB':>8}")
    columns = found["decision_cpu_ms"], found["idle_cpu_percent"], found["pss_mib"]
    for name in found["pss_mib"]:
        print(f"{name:16} {columns[0][name]:18.2f} {columns[1][name]:18.2f} {columns[2][name]:8.1f}")
    ours = [name for name in found["pss_mib"] if is_ours(name)]
    print(
        f"{'services':16}"
        + "".join(
            f" {sum(one[name] for name in ours):{width}.2f}" for one, width in zip(columns, (18, 18, 8), strict=True)
        )
    )


if __name__ == "__main__":
    main()
