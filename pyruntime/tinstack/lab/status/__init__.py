"""`status`: what is down, since when and why, and how full everything is.

The services' APIs and the hosts are asked at the same time: APIs know what is sold, hosts know why an API is silent.
"""

import importlib.util
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec

from tinstack.lab import clouds
from tinstack.lab.client import Client
from tinstack.lab.labs import Lab
from tinstack.lab.status import apis, findings
from tinstack.lab.status import hosts as ask_hosts
from tinstack.lab.status.apis import Capacity, Host, Pool, Service, Told
from tinstack.lab.status.hosts import Looked


class Status(msgspec.Struct, frozen=True):
    healthy: bool
    problems: list[str]
    """What is not as it should be, a sentence each."""
    services: list[Service]
    hosts: list[Host]
    """What is sold."""
    servers: dict[str, int]
    """Number of servers by status."""
    pools: list[Pool] = []
    looked: dict[str, Looked] = {}
    """What the hosts told of themselves; empty for a `dev` cloud."""
    silent: dict[str, str] = {}
    """Hosts that could not be asked, and why."""


def fetch(lab: Lab) -> Status:
    """Ask all. Raises LabError where there are no credentials or hosts to ask."""
    admin = Client(clouds.read(lab.clouds, clouds.ADMIN), apis.SECONDS)
    with ThreadPoolExecutor(max_workers=2) as pool:
        told = pool.submit(apis.fetch, admin)
        looked, silent = look(lab)
        return judged(told.result(), looked, silent)


def look(lab: Lab, patience: float = 1.0) -> tuple[dict[str, Looked], dict[str, str]]:
    """The hosts of a lab that has some, where there are tools to ask them."""
    if not (lab.state / "secrets.yml").exists() or importlib.util.find_spec("fabric") is None:
        return {}, {}
    from tinstack.lab.fleet import Fleet

    return ask_hosts.fetch(Fleet(lab), patience)


def judged(told: Told, looked: dict[str, Looked], silent: dict[str, str]) -> Status:
    problems = findings.find(told, looked, silent, time.time())
    counts = apis.counted(told.servers)
    return Status(not problems, problems, told.services, told.hosts, counts, told.pools, looked, silent)


__all__ = ["Capacity", "Host", "Service", "Status", "fetch", "judged"]
