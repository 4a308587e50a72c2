"""The configuration of every service of a cloud on one machine, as a deployment would write it into files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tinstack import running
from tinstack.core.bus import topology
from tinstack.core.config import BusConfig, DatabaseConfig, ServiceConfig
from tinstack.dev.secrets import Secrets

PORTS = {
    "identity": 5000,
    "api": 8774,
    "metadata": 8775,
    "volume": 8776,
    "placement": 8778,
    "image": 9292,
    "network": 9696,
    "console": 6080,
}
"""The standard ports; with a base they are base … base + 7 in this order."""

REGION = "RegionOne"
CONTROLLER = "controller"
Tuning = Mapping[str, Mapping[str, Any]]
"""Service → keys of its configuration."""

WITH_DATABASE = {"identity", "placement", "image", "network", "volume", "conductor", "api"}


def ports(base: int | None) -> dict[str, int]:
    """Service → port."""
    return dict(PORTS) if base is None else {name: base + place for place, name in enumerate(PORTS)}


def public_urls(at: dict[str, int], host: str = "127.0.0.1") -> dict[str, str]:
    """Catalog type → URL."""
    return {
        "identity": f"http://{host}:{at['identity']}/v3",
        "compute": f"http://{host}:{at['api']}/v2.1",
        "volumev3": f"http://{host}:{at['volume']}/v3",
        "block-storage": f"http://{host}:{at['volume']}/v3",
        "placement": f"http://{host}:{at['placement']}",
        "image": f"http://{host}:{at['image']}",
        "network": f"http://{host}:{at['network']}",
    }


class Places(msgspec.Struct, kw_only=True):
    """Where database and bus are: files and memory unless a real MariaDB and RabbitMQ are named."""

    database: str | None = None
    bus: str | None = None

    def of_database(self, name: str, service: str, state: Path, password: str) -> DatabaseConfig:
        """The database of a service; api and conductor share one, each with a user of its own."""
        if self.database is None:
            return DatabaseConfig(url=f"sqlite:///{state}/{name}.db")
        user = service if name == "compute" else name
        place = self.database.rstrip("/")
        return DatabaseConfig(url=f"{place.replace('://', f'://tinstack_{user}@')}/tinstack_{name}", password=password)

    def of_bus(self, user: str, side: str, password: str) -> BusConfig:
        """The bus as that user."""
        if self.bus is None:
            return BusConfig(side=side)
        return BusConfig(
            url=f"{self.bus.rstrip('/').replace('://', f'://{user}@')}/{topology.VHOST}", password=password, side=side
        )


def database_name(service: str) -> str:
    """``compute`` for api and conductor, else the service's own."""
    return "compute" if service in ("api", "conductor") else service


def hosts(count: int) -> list[str]:
    """Names of the simulated compute hosts."""
    return [f"compute{number}" for number in range(1, count + 1)]


def specific(service: str, state: Path, at: dict[str, int], secrets: Secrets) -> dict[str, Any]:
    """The keys that only this service has."""
    bind = {"host": "127.0.0.1"}
    keys: dict[str, dict[str, Any]] = {
        "identity": {
            "http": {**bind, "port": at["identity"]},
            "fernet_keys": "\n".join(secrets.fernet),
            "credential_keys": "\n".join(secrets.credentials),
            "lockout_attempts": 2,
            "lockout_seconds": 5,
            "unique_last_passwords": 2,
        },
        "placement": {"http": {**bind, "port": at["placement"]}},
        "image": {
            "http": {**bind, "port": at["image"]},
            "store_dir": str(state / "images"),
            "store_weight": 20,
            "more_stores": [{"name": "file2", "directory": str(state / "images2"), "weight": 10}],
            "download": {"allowed_ports": [], "internal_addresses": True},
        },
        "volume": {
            "http": {**bind, "port": at["volume"]},
            "backends": [{"name": "lab1", "driver": "fake"}, {"name": "lab2", "driver": "fake"}],
        },
        "network": {
            "http": {**bind, "port": at["network"]},
            "network_hosts": [CONTROLLER],
            "metadata_secret": secrets.metadata,
            "metadata_url": f"http://127.0.0.1:{at['metadata']}",
        },
        "conductor": {},
        "scheduler": {},
        "api": {
            "http": {**bind, "port": at["api"]},
            "metadata_http": {**bind, "port": at["metadata"]},
            "metadata_secret": secrets.metadata,
            "console_url": f"http://127.0.0.1:{at['console']}",
        },
        "console": {"http": {**bind, "port": at["console"]}},
        "compute": {
            "driver": "fake",
            "instances_dir": str(state / "instances"),
            "image_cache_dir": str(state / "image-cache"),
            "my_ip": "127.0.0.1",
        },
    }
    return keys[service]


def build(
    service: str,
    state: Path,
    at: dict[str, int],
    secrets: Secrets,
    places: Places,
    host: str = CONTROLLER,
    tuning: Tuning | None = None,
) -> ServiceConfig:
    """The typed configuration of one service. ``tuning``: keys of services that shall be others than usual."""
    kind = running.config_class(service)
    on_host = service in running.ON_HOSTS
    user = f"{running.ON_HOSTS[service]}.{host}" if on_host else service
    document: dict[str, Any] = {
        "host": host,
        "region": REGION,
        "state_dir": str(state / service),
        "policy_file": str(running.policy_file(service, state)),
        "auth": {
            "auth_url": f"http://127.0.0.1:{at['identity']}/v3",
            "username": "" if on_host else service,
            "password": secrets.services.get(service, ""),
        },
        "bus": msgspec.to_builtins(places.of_bus(user, "host" if on_host else "controller", secrets.bus)),
        **specific(service, state, at, secrets),
    }
    if service in WITH_DATABASE:
        database = places.of_database(database_name(service), service, state, secrets.databases)
        document["database"] = msgspec.to_builtins(database)
    document |= (tuning or {}).get(service, {})
    return msgspec.convert(document, kind)
