"""``./lab dev --split``: a process per service as in a deployment, simulated hosts, real MariaDB and RabbitMQ.

The rig for faults and measurements: docs/rig.md. This process supervises; everything that runs is a child of it.
"""

import asyncio
import contextlib
import difflib
import logging
import math
import os
import signal
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import uvloop

from tinstack import main
from tinstack.core import crash
from tinstack.core.config import ConfigError
from tinstack.dev import apart, configs, first, fleet, forks, last, toml
from tinstack.dev.backends import Backends
from tinstack.dev.cloud import CONTROLLERS, Cloud, clouds_yaml
from tinstack.dev.configs import Places
from tinstack.dev.fleet import Rig
from tinstack.dev.given import check_given
from tinstack.dev.guard import Guard
from tinstack.dev.rig import backends_for
from tinstack.dev.secrets import write_private
from tinstack.dev.supervisor import RESTART_SECONDS, Program, ServiceDied, Supervisor

if TYPE_CHECKING:
    from tinstack.dev.options import DevOptions

log = logging.getLogger(__name__)

LISTENING = {"http", "metadata_http"}
"""The keys of configurations that say where a service listens."""

SEVERAL = ("placement", "network", "conductor", "scheduler", "api")
"""What there may be several processes of: they share nothing but their database, the bus and their port."""

HOSTS_PER_PROCESS = 250
MOST_PROCESSES = 4
LOOK_SECONDS = 0.05
DIED_BEFORE = "crashed"
"""The folder of the state with a marker for each crash that has happened."""
HELD = "held"
"""The folder of the state where a file of a process's name keeps it from being started again."""


class UnknownPoint(ConfigError):
    """There is no such crash point; the message names those that are near."""

    code = "dev.crash"


class NotSeveral(ConfigError):
    """Of that service there is one process or none; the message lists of which there can be several."""

    code = "dev.processes"


def crashes(wanted: list[str]) -> dict[str, list[str]]:
    """``SERVICE:POINT`` … by service. Raises UnknownPoint."""
    found: dict[str, list[str]] = {}
    for one in wanted:
        service, _, point = one.partition(":")
        if point not in crash.points(service):
            raise UnknownPoint(f"There is no crash point '{one}' (SERVICE:POINT). {_near(service, point)}")
        found.setdefault(service, []).append(point)
    return found


def _near(service: str, point: str) -> str:
    """What may have been meant, in a sentence."""
    if service not in crash.STEPS:
        return f"Of services there are: {', '.join(crash.STEPS)}."
    there = crash.points(service)
    near = difflib.get_close_matches(point, there, n=5, cutoff=0.5) or there[:5]
    return f"Of {service} there are {len(there)}, nearest: {', '.join(f'{service}:{one}' for one in near)}."


def check_processes(wanted: Mapping[str, int]) -> None:
    """Raises NotSeveral."""
    if bad := [name for name in wanted if name not in SEVERAL]:
        raise NotSeveral(f"There can't be several processes of '{bad[0]}', only of: {', '.join(SEVERAL)}.")


def names(service: str, count: int) -> list[str]:
    """Of its processes: ``api``, ``api-2``, ``api-3``."""
    return [service, *(f"{service}-{number}" for number in range(2, count + 1))]


def shares(hosts: int, per_process: int = HOSTS_PER_PROCESS) -> list[tuple[int, int]]:
    """(first, count) of each process of simulated compute hosts: as few processes as are quick enough."""
    processes = min(MOST_PROCESSES, math.ceil(hosts / per_process))
    size = math.ceil(hosts / processes) if processes else 0
    return [(first, min(size, hosts - first)) for first in range(0, hosts, size or 1)]


def run(options: "DevOptions", began: float) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    try:
        armed = crashes(options.crash)
        check_processes(options.processes)
    except (UnknownPoint, NotSeveral) as error:
        print(f"lab: {error.text}", file=sys.stderr, flush=True)
        return 2
    ready = options.state / "ready.json"
    ready.unlink(missing_ok=True)
    guard = Guard(ready)
    try:
        check_given(options)
        return _with_backends(options, armed, guard, began)
    except _Ended:
        return 0
    finally:
        ready.unlink(missing_ok=True)
        guard.close()


class _Ended(Exception):
    """A signal came before there was a loop to take it."""


def _end(number: int, frame: object) -> None:
    raise _Ended


def _with_backends(options: "DevOptions", armed: dict[str, list[str]], guard: Guard, began: float) -> int:
    cloud = Cloud(options.state, configs.ports(options.port_base), options.hosts)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    forks.warm()
    own = backends_for(options.state / "backends", cloud)
    own.watch = guard.add
    try:
        own.start(database=options.database is None, bus=options.bus is None, wait=False)
        cloud.places = Places(database=options.database or own.database_url, bus=options.bus or own.bus_url)
        uvloop.run(Split(cloud, options, armed, guard, own).run(began))
    finally:
        own.stop()
    return 0


class Split:
    """The processes of one cloud."""

    def __init__(
        self, cloud: Cloud, options: "DevOptions", armed: dict[str, list[str]], guard: Guard, backends: Backends
    ) -> None:
        self.cloud, self.options, self.armed, self.backends = cloud, options, armed, backends
        self.state = options.state
        tuning = self.state / "tuning.toml"
        self.rig = Rig(
            state=str(self.state),
            ports=cloud.ports,
            places=cloud.places,
            hosts=cloud.hosts,
            tuning=tomllib.loads(tuning.read_text()) if tuning.exists() else {},
        )
        self._own = self.rig.tuning.get("rig", {})
        self.ready = False
        restart_seconds = float(self._own.get("restart_seconds", RESTART_SECONDS))
        self.supervisor = Supervisor(self.programs(), self._write_ready, guard, restart_seconds)

    async def run(self, began: float) -> None:
        """Start all, say so, and keep them until a signal comes."""
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        starting, ending = asyncio.create_task(self._start()), asyncio.create_task(ended.wait())
        try:
            await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                self.ready = True
                self._write_ready()
                print(f"ready in {time.monotonic() - began:.1f} s", flush=True)
                await ending
        finally:
            self.ready = False
            (self.state / "ready.json").unlink(missing_ok=True)
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await self.supervisor.stop()

    async def _start(self) -> None:
        """The services start while the broker does: it takes longest, and they wait for it."""
        self.write_configs()
        await self._prepare()
        await asyncio.gather(self.supervisor.start(), self._bus_listens())
        cloud, filled = self.cloud, self.state / "filled"
        fill = not (self.options.empty or filled.exists())
        await self._forked("last", last.main, fill)
        if fill:
            filled.touch()
        demo = cloud.secrets.demo if filled.exists() else None
        write_private(self.state / "clouds.yaml", clouds_yaml(cloud.auth_url, cloud.secrets.admin, demo))

    async def _bus_listens(self) -> None:
        while True:
            if self.backends.bus_listens():
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _prepare(self) -> None:
        """What services find in their databases. Raises ServiceDied."""
        if self._own.get("apart"):
            await asyncio.to_thread(apart.compile_all)
        await self._forked("first", first.main, self.backends.fresh)

    async def _forked(self, name: str, target: Callable[[str, bool], int], asked: bool) -> None:
        """Until such a process is done. Raises ServiceDied with what it said."""
        log = self.state / "logs" / f"{name}.log"
        process = forks.Fork(target, (str(self._rig_file), asked))
        await asyncio.to_thread(process.start, name, {}, log)
        if await process.wait():
            raise ServiceDied(f"The cloud can't be made ready: {log.read_text(errors='replace')[-800:]}")

    # --- what runs -----------------------------------------------------------------------------

    def programs(self) -> list[Program]:
        """The controllers' services, then the simulated hosts."""
        rig, count = str(self._rig_file), len(self.cloud.hosts)
        found = [
            self._serving(name, service)
            for service in CONTROLLERS
            for name in names(service, self._processes_of(service))
        ]
        found += [
            self._program(f"compute-{number}", "compute", fleet.main, rig, "compute", str(first), str(size))
            for number, (first, size) in enumerate(
                shares(count, self._own.get("hosts_per_process", HOSTS_PER_PROCESS)), 1
            )
        ]
        return [
            *found,
            self._program("network-agent", "network-agent", fleet.main, rig, "network-agent", "0", str(count)),
        ]

    def _processes_of(self, service: str) -> int:
        return self.options.processes.get(service, 1)

    def _serving(self, name: str, service: str) -> Program:
        arguments = ["serve", service, "--config-dir", str(self._etc)]
        program = self._program(name, service, main.main, arguments)
        return replace(program, command=tuple(arguments)) if self._own.get("apart") else program

    def _program(self, name: str, service: str, target: Callable[..., Any], *arguments: Any) -> Program:
        environment = {}
        if service in self.armed:
            folder = self.state / DIED_BEFORE / service
            environment[crash.VARIABLE] = crash.setting(folder, self.armed[service])
        return Program(
            name, target, arguments, self.state / "logs" / f"{name}.log", environment, self.state / HELD / name
        )

    @property
    def _etc(self) -> Path:
        return self.state / "etc"

    @property
    def _rig_file(self) -> Path:
        return self._etc / "rig.json"

    def write_configs(self) -> None:
        """A file per service that only its owner may read, as they hold the secrets."""
        self._etc.mkdir(mode=0o700, exist_ok=True)
        write_private(self._rig_file, msgspec.json.encode(self.rig))
        for name in CONTROLLERS:
            config = self._config(name)
            Path(config.state_dir).mkdir(parents=True, exist_ok=True)
            document: dict[str, Any] = msgspec.to_builtins(config)
            if self._processes_of(name) > 1:
                for place in LISTENING & document.keys():
                    document[place]["share_port"] = True
            write_private(self._etc / f"{name}.toml", toml.dumps(document).encode())

    def _config(self, name: str) -> Any:
        cloud = self.cloud
        made = configs.build(name, cloud.state, cloud.ports, cloud.secrets, cloud.places, tuning=self.rig.tuning)
        if self.options.metrics:
            made.metrics.port = self.options.metrics + CONTROLLERS.index(name)
        return made

    def _write_ready(self) -> None:
        if not self.ready:
            return
        document = {
            "auth_url": self.cloud.auth_url,
            "region": configs.REGION,
            "pids": [os.getpid(), *self.backends.pids, *self.supervisor.pids],
            "services": configs.public_urls(self.cloud.ports),
            "hosts": self.cloud.hosts,
            "processes": {child.program.name: child.pid for child in self.supervisor.children},
        }
        with contextlib.suppress(OSError):
            text = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
            write_private(self.state / "ready.json", text)
