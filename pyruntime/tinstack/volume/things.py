"""The files of volumes and snapshots in the directories of this host's backends."""

import re
from collections.abc import Iterable
from pathlib import Path

from tinstack.core.things import Thing
from tinstack.volume.config import Config

VOLUME, SNAPSHOT = "volume", "snapshot"
KINDS = {VOLUME, SNAPSHOT}

FILE = re.compile(r"(volume|snapshot)-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.qcow2")


def look(config: Config) -> list[Thing]:
    """Whole files only; parts of files are being written."""
    found = []
    for directory in directories(config):
        for entry in sorted(directory.iterdir()) if directory.is_dir() else []:
            if name := FILE.fullmatch(entry.name):
                found.append(Thing(kind=name[1], name=str(entry), owner=name[2]))
    return found


def remove(config: Config, things: Iterable[Thing]) -> None:
    """The files go; only such as ``look`` finds."""
    there = set(look(config))
    for thing in things:
        if thing in there:
            Path(thing.name).unlink(missing_ok=True)


def directories(config: Config) -> list[Path]:
    """Of the backends that keep files."""
    state = Path(config.state_dir) / "volumes"
    return [
        Path(one.directory) if one.directory else state / one.name for one in config.backends if one.driver == "file"
    ]
