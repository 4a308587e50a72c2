"""A private MariaDB and RabbitMQ with the databases and users of a cloud."""

import contextlib
import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

from tinstack.core.bus import topology
from tinstack.core.config import DatabaseConfig
from tinstack.core.migrate_paths import history_of
from tinstack.dev import configs
from tinstack.dev.backends import Backends, Tables
from tinstack.dev.cloud import DATABASES, Cloud


@contextlib.contextmanager
def make_backends(folder: Path, cloud: Cloud, more_hosts: Collection[str] = ()) -> Iterator[Backends]:
    """Both, for as long as the block runs, with all that ``cloud`` will ask of them. Raises BackendError.

    ``more_hosts``: known on the bus beside those of the cloud.
    """
    made = backends_for(folder, cloud, more_hosts)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def backends_for(folder: Path, cloud: Cloud, more_hosts: Collection[str] = ()) -> Backends:
    """Both, not yet started."""
    databases = {
        f"tinstack_{name}": ["tinstack_api", "tinstack_conductor"] if name == "compute" else [f"tinstack_{name}"]
        for name in DATABASES
    }
    computes = [*cloud.hosts, *more_hosts]
    hosts = [configs.CONTROLLER, *computes]
    users = {*topology.SERVED, *(f"compute.{host}" for host in computes), *(f"network.{host}" for host in hosts)}
    return Backends(
        folder, databases, _tables(), cloud.secrets.databases, dict.fromkeys(users, cloud.secrets.bus), hosts
    )


def _tables() -> Tables:
    """Those of every database, as the migrations make them."""
    files = [path for name in DATABASES for path in sorted(history_of(name).glob("*.py"))]
    digest = hashlib.sha256(b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in files))
    return Tables(digest.hexdigest()[:12], _migrate)


def _migrate(port: int) -> None:
    from tinstack.core.migrate import upgrade_database

    for name in DATABASES:
        upgrade_database(name, DatabaseConfig(url=f"mysql://root@127.0.0.1:{port}/tinstack_{name}"))
