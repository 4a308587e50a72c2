"""What of guests is on this host, asked of the hypervisor and the disk, not of the agent: it may be the agent that is down."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from tinstack.compute import drivers
from tinstack.compute.config import Config
from tinstack.core.things import Thing

DOMAIN, FOLDER, GUEST = "domain", "folder", "guest"
KINDS = {DOMAIN, FOLDER, GUEST}


def look(config: Config) -> list[Thing]:
    """Domains with our metadata, and the folders of servers. Raises DriverError where the hypervisor can't be asked."""
    if config.driver == "fake":
        folder = Path(config.instances_dir) / config.host
        return [Thing(kind=GUEST, name=id, owner=id) for id in _ids(file.stem for file in folder.glob("*.json"))]
    from tinstack.compute.drivers.libvirt.hypervisor import LibvirtHypervisor

    domains = asyncio.run(LibvirtHypervisor(config.libvirt_uri).states())
    instances = Path(config.instances_dir)
    folders = _ids(entry.name for entry in instances.iterdir() if entry.is_dir()) if instances.is_dir() else []
    return [
        *(Thing(kind=DOMAIN, name=id, owner=id) for id in sorted(domains)),
        *(Thing(kind=FOLDER, name=id, owner=id) for id in folders),
    ]


def remove(config: Config, things: Iterable[Thing]) -> None:
    """Bring everything local of these servers to absent, as the agent does it. Raises DriverError."""
    driver, _ = drivers.create(config)

    async def work() -> None:
        for server in sorted({thing.owner for thing in things}):
            await driver.remove(server)

    asyncio.run(work())


def _ids(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if _is_id(name))


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
