"""A private MariaDB and RabbitMQ with the databases and users of a cloud."""

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path

from tinstack.core.bus import topology
from tinstack.dev import configs
from tinstack.dev.backends import Backends
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
    return Backends(folder, databases, cloud.secrets.databases, dict.fromkeys(users, cloud.secrets.bus), hosts)
