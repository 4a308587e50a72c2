"""`ready.json`: there when a lab is usable and only then; outside programs wait for it.

It is written last and by rename, removed when a lab starts and when it ends.
"""

from pathlib import Path

import msgspec

from tinstack.lab.labs import replace


class Ready(msgspec.Struct, frozen=True):
    """What a program must know to use a lab; everything else is in the catalog."""

    auth_url: str
    region: str
    pids: list[int]
    """Processes of the cloud on this machine; empty for a lab on hosts."""
    services: dict[str, str]
    """Type of each service in the catalog, and its public URL."""
    hosts: list[str]
    """Names of the compute hosts, simulated ones included."""


def write(path: Path, ready: Ready) -> None:
    replace(path, msgspec.json.format(msgspec.json.encode(ready), indent=2).decode() + "\n", mode=0o644)


def read(path: Path) -> Ready | None:
    """What a usable lab said of itself, or None where it is not usable (yet, any more): its first process was killed with it."""
    try:
        ready = msgspec.json.decode(path.read_bytes(), type=Ready)
    except FileNotFoundError:
        return None
    return ready if all(Path(f"/proc/{pid}").exists() for pid in ready.pids[:1]) else None


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)
