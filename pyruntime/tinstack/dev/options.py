"""What `./lab dev` is asked for."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class DevOptions:
    """``state``: its folder; ``port_base``: None for the standard ports; ``hosts``: simulated compute hosts; ``empty``: only
    the admin and the roles. ``split``: a process per service, on a MariaDB (``database``) and RabbitMQ (``bus``) that are there or on
    private ones; ``crash``: each ``SERVICE:POINT``, where a process of a split cloud dies once; ``processes``: service → how many there
    are of it in a split cloud (1). ``metrics``: the port that Prometheus scrapes, the first of several of a split cloud."""

    state: Path
    port_base: int | None = None
    hosts: int = 2
    empty: bool = False
    split: bool = False
    database: str | None = None
    bus: str | None = None
    crash: list[str] = field(default_factory=list)
    processes: dict[str, int] = field(default_factory=dict)
    metrics: int = 0
