"""nftables: one table of ours per family and namespace, changed in one transaction per namespace and only when it has to be.

The kernel prints rules in its own form, so wanted and seen text can't be compared. Kept instead, in a file, is what was loaded
and how the kernel printed it then: while both are the same nothing is done, a change of what is wanted is loaded as just that,
and after a change by another hand the whole table is replaced. No packet meets half of it, and connections go on.
"""

import hashlib
import importlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tinstack.network.agent import tables
from tinstack.network.agent.commands import CommandFailed, run
from tinstack.network.agent.names import TABLE
from tinstack.network.agent.netns import inside
from tinstack.network.agent.tables import Table

try:
    _library: Any = importlib.import_module("nftables")
except ImportError:
    _library = None


HOST, SPACE = ("bridge", "inet"), ("inet",)
"""Families in which we have a table on the host itself and in its namespaces."""


class Loaded(msgspec.Struct, frozen=True):
    """What was loaded, and the digest of what the kernel printed afterwards."""

    table: Table
    seen: str


class Listing(msgspec.Struct, frozen=True):
    """A table as the kernel prints it. ``maps``: plain maps by name (address → address or number)."""

    digest: str
    maps: dict[str, dict[str, str]] = {}


class Tables:
    """The tables of this host; ``memory`` is the file that keeps what was loaded."""

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        self._loaded = _remembered(memory)
        self._written = dict(self._loaded)
        self._fresh: dict[str, tuple[str, str, Table]] = {}

    def known(self, space: str, family: str, seen: Listing | None) -> Table | None:
        """What the kernel still has as it was loaded; None where another hand changed it, or nobody knows."""
        kept = self._loaded.get(_key(space, family))
        return kept.table if kept and seen and kept.seen == seen.digest else None

    def load(self, space: str, wanted: Mapping[str, Table], seen: Mapping[str, Listing | None]) -> bool:
        """Make the namespace's tables (by family) what they should be, all in one transaction; those that are seen and not
        wanted go. True where something was changed. Raises CommandFailed."""
        parts = []
        for family, listed in seen.items():
            known = self.known(space, family, listed)
            if family not in wanted:
                self._loaded.pop(_key(space, family), None)
                parts += [f"delete table {family} {TABLE}\n"] if listed else []
            elif known != wanted[family]:
                new = wanted[family]
                parts.append(tables.difference(family, known, new) if known else tables.replacement(family, new))
                self._fresh[_key(space, family)] = (space, family, new)
        if parts:
            command(space, "".join(parts))
        return bool(parts)

    def settle(self, spaces: set[str]) -> None:
        """Remember how the kernel prints what was loaded; forget namespaces that are gone."""
        for key, (space, family, table) in self._fresh.items():
            if (seen := listing(space, family)) is not None:
                self._loaded[key] = Loaded(table, seen.digest)
        self._fresh = {}
        self._loaded = {key: kept for key, kept in self._loaded.items() if key.partition("/")[0] in {"", *spaces}}
        if self._loaded != self._written:
            new = self._memory.with_suffix(".new")
            new.write_bytes(msgspec.json.encode(self._loaded))
            os.replace(new, self._memory)
            self._written = dict(self._loaded)


def _key(space: str, family: str) -> str:
    return f"{space}/{family}"


def _remembered(memory: Path) -> dict[str, Loaded]:
    """Without a readable file all tables are loaded once more, which harms nobody."""
    try:
        return msgspec.json.decode(memory.read_bytes(), type=dict[str, Loaded])
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}


def listings(space: str, families: Iterable[str]) -> dict[str, Listing | None]:
    """The tables of ours in a namespace, by family."""
    return {family: listing(space, family) for family in families}


def listing(space: str, family: str) -> Listing | None:
    """The table as the kernel has it, or None."""
    try:
        said = command(space, f"list table {family} {TABLE}\n")
    except CommandFailed:
        return None
    return read(said)


def read(said: str) -> Listing:
    """From libnftables' JSON; the order of elements in sets and maps, and handles, mean nothing."""
    objects = [_plain(item) for item in msgspec.json.decode(said)["nftables"] if "metainfo" not in item]
    maps = {
        item["map"]["name"]: {
            key: str(value) for key, value in item["map"].get("elem", []) if isinstance(value, str | int)
        }
        for item in objects
        if "map" in item
    }
    return Listing(digest_of(msgspec.json.encode(objects).decode()), maps)


def digest_of(text: str) -> str:
    """Sixteen bytes in hexadecimal."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def command(space: str, text: str) -> str:
    """Run nft's commands inside a namespace; JSON where they print. Raises CommandFailed."""
    with inside(space):
        if _library is None:
            return run(["nft", "-s", "-j", text]) if text.startswith("list ") else run(["nft", "-f", "-"], text)
        engine = _library.Nftables()
        engine.set_json_output(True)
        engine.set_stateless_output(True)
        code, output, error = engine.cmd(text)
    if code:
        raise CommandFailed(command="nft", reason=" ".join(error.split()) or "no reason given.")
    return str(output)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: sorted((_plain(one) for one in item), key=msgspec.json.encode)
            if key in ("elem", "set") and isinstance(item, list)
            else _plain(item)
            for key, item in value.items()
            if key != "handle"
        }
    return [_plain(one) for one in value] if isinstance(value, list) else value
