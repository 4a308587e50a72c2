"""From a service's name and configuration to a running service: the same for a unit on a host and for ``./lab dev``."""

import asyncio
import contextvars
import gc
import importlib
import logging
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from tinstack.core import bus as buses
from tinstack.core import config as configs
from tinstack.core import log as logs
from tinstack.core import systemd
from tinstack.core.bus import Bus
from tinstack.core.bus.memory import Hub
from tinstack.core.config import MetricsConfig, ServiceConfig
from tinstack.core.errors import ApiError
from tinstack.core.metrics.port import MetricsPort, Source
from tinstack.core.service import Service

if TYPE_CHECKING:
    from tinstack.core.db import Database

log = logging.getLogger(__name__)

PACKAGES = {
    "identity": "tinstack.identity",
    "placement": "tinstack.placement",
    "image": "tinstack.image",
    "volume": "tinstack.volume",
    "network": "tinstack.network.server",
    "conductor": "tinstack.conductor",
    "scheduler": "tinstack.scheduler",
    "api": "tinstack.api",
    "console": "tinstack.console",
    "compute": "tinstack.compute",
    "network-agent": "tinstack.network.agent",
}
"""Where each service's ``config.Config`` and ``service.create`` live, in the order in which they start in one process."""

ON_HOSTS = {"compute": "compute", "network-agent": "network"}
"""Services that run on hosts, and the first part of their bus user (``compute.<host>``)."""


def config_class(name: str) -> type[ServiceConfig]:
    """The type of a service's configuration file."""
    kind: type[ServiceConfig] = importlib.import_module(f"{PACKAGES[name]}.config").Config
    return kind


def read_config(name: str, directory: Path, credentials: Path | None = None) -> ServiceConfig:
    """``<directory>/<name>.toml``, with the policy of ``<directory>/policy/<name>.yaml`` where it names none. Raises ConfigError.

    ``credentials``: their folder; unless given they are the unit's, each with the service's name before its own, as several
    services may share a unit.
    """
    file, kind = directory / f"{name}.toml", config_class(name)
    if credentials is None and (units := os.environ.get("CREDENTIALS_DIRECTORY")):
        config = configs.load(kind, file, Path(units), prefix=f"{name}_")
    else:
        config = configs.load(kind, file, credentials)
    if config.policy_file is None:
        config.policy_file = str(policy_file(name, directory))
    return config


def policy_file(name: str, directory: Path) -> Path:
    """Where an operator's rules for a service stand, if there are any."""
    return directory / "policy" / f"{name}.yaml"


class Running:
    """One service with its database and bus. What it starts runs in a context of its own, by which log lines know it."""

    def __init__(self, name: str, bus: Bus, database: "Database | None", service: Service) -> None:
        self.name, self.bus, self.database, self.service = name, bus, database, service
        self._context = contextvars.copy_context()
        self._context.run(logs.service_of_task.set, name)

    @property
    def sources(self) -> dict[str, Source]:
        """What sets its gauges."""
        found: dict[str, Source] = dict(self.service.measured)
        if self.database:
            found[f"database of {self.name}"] = self.database.measure
        return found

    @classmethod
    def of(cls, name: str, config: ServiceConfig, hub: Hub | None = None) -> "Running":
        """Put a service together from its configuration."""
        user = f"{ON_HOSTS[name]}.{config.host}" if name in ON_HOSTS else name
        database = _database(config)
        bus = buses.connect(config.bus, user, hub)
        create: Any = importlib.import_module(f"{PACKAGES[name]}.service").create
        return cls(name, bus, database, create(config, bus, database))

    async def start(self) -> None:
        """Database, bus, then the service."""
        await asyncio.create_task(self._start(), context=self._context)

    async def _start(self) -> None:
        if self.database:
            await self.database.open()
        await self.bus.open()
        await self.service.start()
        log.info("%s serves", self.name)

    async def stop(self) -> None:
        """In reverse."""
        await asyncio.create_task(self._stop(), context=self._context)

    async def _stop(self) -> None:
        await self.service.stop()
        await self.bus.close()
        if self.database:
            await self.database.close()


def _database(config: ServiceConfig) -> "Database | None":
    if config.database is None:
        return None
    from tinstack.core import db  # only those who have one pay for SQLAlchemy

    return db.connect(config.database)


def metrics_port(config: MetricsConfig, running: Sequence[Running]) -> MetricsPort | None:
    """One for the process, where one is configured."""
    sources = {name: source for one in running for name, source in one.sources.items()}
    return MetricsPort(config, [one.name for one in running], sources) if config.port else None


async def _feed_watchdog(seconds: float) -> None:
    while True:
        systemd.notify("WATCHDOG=1")
        await asyncio.sleep(seconds)


async def _serve(names: list[str], directory: Path) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    read = [read_config(name, directory) for name in names]
    running = [Running.of(name, config) for name, config in zip(names, read, strict=True)]
    started: list[Running] = []
    metrics = metrics_port(read[0].metrics, running)
    try:
        for one in running:
            started.append(one)
            await one.start()
        gc.freeze()
        gc.enable()
        if metrics:
            await metrics.start()
        systemd.notify("READY=1")
        period = systemd.watchdog_seconds()
        feeding = asyncio.create_task(_feed_watchdog(period)) if period else None
        await stopping.wait()
        if feeding:
            feeding.cancel()
        systemd.notify("STOPPING=1")
    finally:
        if metrics:
            await metrics.stop()
        await asyncio.gather(*(one.service.hang_up() for one in started))
        for one in reversed(started):
            await one.stop()


def serve(names: list[str], directory: Path) -> int:
    """Run services in this process until SIGTERM; the exit code.

    What is loaded until they serve stays for good: it is not searched for garbage, then or later.
    """
    gc.disable()
    logs.setup({name: read_config(name, directory).log for name in names})
    try:
        uvloop.run(_serve(names, directory))
    except ApiError as error:
        log.error("%s", error.text)
        return 1
    return 0
