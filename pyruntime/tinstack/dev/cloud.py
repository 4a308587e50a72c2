"""A whole cloud in one process: every service as on hosts, with SQLite, the bus in memory and simulated hosts.

With a real MariaDB and RabbitMQ (``Places``) it is the same cloud on those.
"""

import asyncio
import importlib
import logging
import os
from pathlib import Path
from typing import Any

import msgspec

from tinstack.core import bus as buses
from tinstack.core import config as configs_core
from tinstack.core.bus.memory import Hub
from tinstack.core.metrics.port import MetricsPort
from tinstack.dev import configs
from tinstack.dev.configs import Places
from tinstack.dev.secrets import Secrets, of_state
from tinstack.running import Running, metrics_port

log = logging.getLogger(__name__)

DATABASES = ("identity", "placement", "image", "network", "volume", "compute")
CONTROLLERS = ("identity", "placement", "image", "volume", "network", "conductor", "scheduler", "api", "console")
"""In the order in which they start."""


class Cloud:
    """``state``: where databases, images and secrets live. Ports as ``configs.ports``; ``hosts``: simulated ones; ``metrics``: a
    port for Prometheus."""

    def __init__(
        self,
        state: Path,
        ports: dict[str, int],
        hosts: int = 2,
        places: Places | None = None,
        tuning: configs.Tuning | None = None,
        metrics: int = 0,
    ) -> None:
        self.state, self.ports, self.places = state, ports, places or Places()
        self.tuning = tuning or {}
        self.hosts = configs.hosts(hosts)
        state.mkdir(parents=True, exist_ok=True)
        self.secrets: Secrets = of_state(state)
        self.hub = Hub()
        self._running: list[Running] = []
        self.metrics = metrics
        self._metrics_port: MetricsPort | None = None

    @property
    def auth_url(self) -> str:
        """Where to sign in."""
        return configs.public_urls(self.ports)["identity"]

    async def start(self) -> None:
        """Databases, identity with its users and catalog, then everything else; returns when all serve."""
        self.prepare_databases()
        await self._run("identity")
        await self._bootstrap()
        for name in CONTROLLERS[1:]:
            await self._run(name)
        for host in self.hosts:
            await self._run("compute", host)
            await self._run_network_agent(host)
        await self._run_network_agent(configs.CONTROLLER)
        self._metrics_port = metrics_port(configs_core.MetricsConfig(port=self.metrics), self._running)
        if self._metrics_port:
            await self._metrics_port.start()

    def prepare_databases(self) -> None:
        """Every database at this version."""
        from tinstack.dev import databases  # loads SQLAlchemy

        for name in DATABASES:
            user = "api" if name == "compute" else name
            databases.prepare(name, self.places.of_database(name, user, self.state, self.secrets.databases))

    async def stop(self) -> None:
        """All of it: nobody listens any more, then the parts, newest first."""
        if self._metrics_port:
            await self._metrics_port.stop()
        await asyncio.gather(*(one.service.hang_up() for one in self._running))
        while self._running:
            await self._running.pop().stop()

    async def _run(self, name: str, host: str = configs.CONTROLLER) -> None:
        config = configs.build(name, self.state, self.ports, self.secrets, self.places, host, self.tuning)
        os.makedirs(config.state_dir, exist_ok=True)
        one = Running.of(name, config, self.hub)
        self._running.append(one)
        await one.start()

    async def _run_network_agent(self, host: str) -> None:
        """A simulated one: it says that everything it is told to wire is wired."""
        fake: Any = importlib.import_module("tinstack.network.agent.fake")
        roles = ["l2", "dhcp", "l3", "metadata"] if host == configs.CONTROLLER else ["l2"]
        user = f"network.{host}"
        bus = buses.connect(self.places.of_bus(user, "host", self.secrets.bus), user, self.hub)
        one = Running(user, bus, None, fake.create(host, roles, bus))
        self._running.append(one)
        await one.start()

    async def _bootstrap(self) -> None:
        first: Any = importlib.import_module("tinstack.identity.bootstrap")
        identity = next(one for one in self._running if one.name == "identity")
        await first.bootstrap(identity.database, first.parse(msgspec.json.encode(self.first_identity())))

    def first_identity(self) -> Any:
        """The document of ``tinstack identity bootstrap``."""
        urls = configs.public_urls(self.ports)
        names = {
            "identity": "keystone",
            "compute": "nova",
            "image": "glance",
            "network": "neutron",
            "placement": "placement",
        }
        return {
            "admin": {"name": "admin", "password": self.secrets.admin},
            "region": configs.REGION,
            "service_users": self.secrets.services,
            "services": [
                {
                    "type": kind,
                    "name": names.get(kind, "cinder"),
                    "urls": {"public": url, "internal": url, "admin": url},
                }
                for kind, url in urls.items()
            ],
        }


def clouds_yaml(auth_url: str, admin: str, demo: str | None) -> bytes:
    """The clouds ``tinstack`` (demo), ``tinstack-admin`` and ``tinstack-system-admin``; JSON, which is YAML too."""
    domain = {"user_domain_name": "Default", "project_domain_name": "Default"}
    base = {"region_name": configs.REGION, "interface": "public", "identity_api_version": 3}
    as_admin = {"auth_url": auth_url, "username": "admin", "password": admin}
    system = {
        "auth_url": auth_url,
        "username": "admin",
        "password": admin,
        "user_domain_name": "Default",
        "system_scope": "all",
    }
    clouds: dict[str, Any] = {
        "tinstack-admin": {**base, "auth": {**as_admin, "project_name": "admin", **domain}},
        "tinstack-system-admin": {**base, "auth": system},
    }
    if demo is not None:
        auth = {"auth_url": auth_url, "username": "demo", "password": demo, "project_name": "demo", **domain}
        clouds = {"tinstack": {**base, "auth": auth}, **clouds}
    return msgspec.json.format(msgspec.json.encode({"clouds": clouds}), indent=2) + b"\n"
