"""What of ours is on this host, over all services that it is configured for: ``tinstack things``, which plays run as root."""

import sys
from pathlib import Path
from typing import cast

import msgspec

from tinstack import running
from tinstack.core.config import ConfigError
from tinstack.core.things import Thing

SERVICES = ("compute", "network-agent", "volume")
"""Those that leave something on hosts."""


def run(config_dir: Path, *, remove: bool) -> None:
    """Print what is there as JSON; with ``remove``, first bring the things named on standard input to absent. Raises ApiError."""
    present = [name for name in SERVICES if (config_dir / f"{name}.toml").exists()]
    if remove:
        try:
            unwanted = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Thing])
        except msgspec.DecodeError as error:
            raise ConfigError(f"Standard input is no list of things: {error}.") from error
        for name in present:
            _remove(name, config_dir, unwanted)
    found = [thing for name in present for thing in _look(name, config_dir)]
    print(msgspec.json.encode(found).decode())


def _look(name: str, config_dir: Path) -> list[Thing]:
    if name == "compute":
        from tinstack.compute import things as guests
        from tinstack.compute.config import Config as Compute

        return guests.look(cast(Compute, _config(name, config_dir)))
    if name == "volume":
        from tinstack.volume import things as files
        from tinstack.volume.config import Config as Volume

        return files.look(cast(Volume, _config(name, config_dir)))
    from tinstack.network.agent import things as links
    from tinstack.network.agent.config import Config as Network

    return links.look(cast(Network, _config(name, config_dir)))


def _remove(name: str, config_dir: Path, unwanted: list[Thing]) -> None:
    if name == "compute":
        from tinstack.compute import things as guests
        from tinstack.compute.config import Config as Compute

        guests.remove(cast(Compute, _config(name, config_dir)), (one for one in unwanted if one.kind in guests.KINDS))
    elif name == "volume":
        from tinstack.volume import things as files
        from tinstack.volume.config import Config as Volume

        files.remove(cast(Volume, _config(name, config_dir)), (one for one in unwanted if one.kind in files.KINDS))
    else:
        from tinstack.network.agent import things as links

        links.remove(one for one in unwanted if one.kind in links.KINDS)


def _config(name: str, config_dir: Path) -> object:
    return running.read_config(name, config_dir, config_dir / "credentials" / name)
