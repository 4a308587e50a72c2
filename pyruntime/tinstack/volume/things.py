"""The files of volumes and snapshots of this host's backends, and what is exported of them to hosts."""

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path

from tinstack.core.things import Thing
from tinstack.volume.config import Config
from tinstack.volume.drivers.file import FileDriver
from tinstack.volume.service import driver

VOLUME, SNAPSHOT, EXPORT = "volume", "snapshot", "export"
KINDS = {VOLUME, SNAPSHOT, EXPORT}

FILE = re.compile(r"(volume|snapshot)-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.qcow2")


def look(config: Config) -> list[Thing]:
    """Whole files (parts of files are being written), and exports, named ``<volume>/<attachment>``."""
    found = []
    for backend in _of_files(config):
        exports = asyncio.run(backend.exports())
        found += [Thing(kind=EXPORT, name=f"{volume}/{one}", owner=one) for volume, one in exports if one]
        for entry in sorted(backend.directory.iterdir()) if backend.directory.is_dir() else []:
            if name := FILE.fullmatch(entry.name):
                found.append(Thing(kind=name[1], name=str(entry), owner=name[2]))
    return found


def remove(config: Config, things: Iterable[Thing]) -> None:
    """Only such as ``look`` finds: exports first, as the files are open there."""
    unwanted = set(things) & set(look(config))
    for backend in _of_files(config):
        for export in (one for one in unwanted if one.kind == EXPORT):
            volume, _, attachment = export.name.partition("/")
            asyncio.run(backend.disconnect(volume, attachment))
    for file in (one for one in unwanted if one.kind != EXPORT):
        Path(file.name).unlink(missing_ok=True)


def _of_files(config: Config) -> list[FileDriver]:
    made = (driver(config, backend) for backend in config.backends)
    return [one for one in made if isinstance(one, FileDriver)]
