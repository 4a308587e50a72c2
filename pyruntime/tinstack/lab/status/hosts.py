"""What the hosts themselves tell, over SSH: units, memory, disks, stores, database, queues. Needs neither bus nor APIs."""

import time
from typing import Any

import msgspec

from tinstack.lab.fleet import Fleet, Host
from tinstack.lab.onhost import look
from tinstack.lab.status.causes import Causes

SECONDS = 9.0
"""How long a host may take for all of it."""


class Unit(msgspec.Struct, frozen=True):
    """A unit as systemd sees it. ``why``: what it died of."""

    unit: str
    state: str
    detail: str
    enabled: bool
    since: int | None
    restarts: int
    why: str | None = None

    @property
    def up(self) -> bool:
        """One that is about to be restarted is not up."""
        return self.state in ("active", "reloading")


class Memory(msgspec.Struct, frozen=True):
    total_mib: int
    available_mib: int


class Disk(msgspec.Struct, frozen=True):
    """A file system and one folder of ours on it."""

    path: str
    total_bytes: int
    free_bytes: int


class Database(msgspec.Struct, frozen=True):
    answers: bool
    read_only: bool
    bytes: dict[str, int]


class Queue(msgspec.Struct, frozen=True):
    name: str
    messages: int
    consumers: int


class Looked(msgspec.Struct, frozen=True):
    """One host. ``clock_off``: seconds by which its clock is off this machine's, 0 where it may be right."""

    load: float
    cpus: int
    up_seconds: int
    memory: Memory
    disks: list[Disk] = []
    units: list[Unit] = []
    stores: dict[str, int] = {}
    database: Database | None = None
    queues: list[Queue] | None = None
    clock_off: float = 0.0
    causes: Causes = msgspec.field(default_factory=Causes)
    late: list[str] = []
    """What took too long."""


def fetch(fleet: Fleet, patience: float = 1.0) -> tuple[dict[str, Looked], dict[str, str]]:
    """All hosts at once: what they told, and why the others did not. ``patience``: how many times as long as usual they may take."""

    addresses = {name: str(known.get("internal", known["address"])) for name, known in fleet.hosts.items()}

    def ask(host: Host) -> Looked:
        groups = fleet.hosts[host.name]["groups"]
        wanted: dict[str, Any] = {
            "database": runs(fleet, "mariadb", groups),
            "queues": runs(fleet, "rabbitmq", groups),
            "hosts": addresses,
            "patience": patience,
        }
        sent = time.time()
        said = b"".join(host.run(look, wanted, SECONDS * patience))
        raw: dict[str, Any] = msgspec.json.decode(said)
        return msgspec.convert({**raw, "clock_off": clock_off(raw["time"], sent, time.time())}, Looked)

    answers = fleet.each(ask)
    return dict(sorted(answers.found.items())), dict(sorted(answers.failed.items()))


def runs(fleet: Fleet, service: str, groups: list[str]) -> bool:
    """Whether a host runs a service: the hosts of api do where none is named for it."""
    named = any(service in host["groups"] for host in fleet.hosts.values())
    return service in groups if named else "api" in groups


def clock_off(said: float, sent: float, received: float) -> float:
    """Seconds that a clock is certainly off: it was read between the two times."""
    return round(min(said - sent, 0.0) + max(said - received, 0.0), 1)
