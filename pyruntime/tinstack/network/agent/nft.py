"""nftables: one table of ours per family and namespace, changed as a whole in one transaction and only when it has to be.

The kernel prints rules in its own form, so wanted and seen text can't be compared. Kept instead, in a file, is which text was
loaded and how the kernel printed it then: while both are the same nothing is done, and a change by another hand is undone.
Loading replaces the whole table at once; no packet meets an empty one, and connections go on.
"""

import hashlib
import importlib
import os
from pathlib import Path
from typing import Any

import msgspec

from tinstack.network.agent.commands import CommandFailed, run
from tinstack.network.agent.names import TABLE
from tinstack.network.agent.netns import inside

try:
    _library: Any = importlib.import_module("nftables")
except ImportError:
    _library = None


class Loaded(msgspec.Struct, frozen=True):
    """Digests of the text that was loaded and of what the kernel printed afterwards."""

    wanted: str
    seen: str


class Listing(msgspec.Struct, frozen=True):
    """A table as the kernel prints it. ``maps``: plain maps by name (address → address or number)."""

    digest: str
    maps: dict[str, dict[str, str]] = {}


class Tables:
    """The tables of this host; ``memory`` is the file that keeps digests."""

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        self._loaded = _remembered(memory)
        self._written = dict(self._loaded)
        self._fresh: dict[str, tuple[str, str, str]] = {}

    def load(self, space: str, family: str, text: str | None, seen: Listing | None) -> bool:
        """Make the table what ``text`` says (None: absent). True where something was changed. Raises CommandFailed."""
        key = f"{space}/{family}"
        if text is None:
            self._loaded.pop(key, None)
            if seen is not None:
                command(space, f"delete table {family} {TABLE}\n")
            return seen is not None
        digest = digest_of(text)
        if seen is not None and self._loaded.get(key) == Loaded(digest, seen.digest):
            return False
        command(space, replacement(family, text))
        self._fresh[key] = (space, family, digest)
        return True

    def settle(self, spaces: set[str]) -> None:
        """Remember how the kernel prints what was loaded; forget namespaces that are gone."""
        for key, (space, family, digest) in self._fresh.items():
            if (seen := listing(space, family)) is not None:
                self._loaded[key] = Loaded(digest, seen.digest)
        self._fresh = {}
        self._loaded = {key: kept for key, kept in self._loaded.items() if key.partition("/")[0] in {"", *spaces}}
        if self._loaded != self._written:
            new = self._memory.with_suffix(".new")
            new.write_bytes(msgspec.json.encode(self._loaded))
            os.replace(new, self._memory)
            self._written = dict(self._loaded)


def _remembered(memory: Path) -> dict[str, Loaded]:
    """Without a readable file all tables are loaded once more, which harms nobody."""
    try:
        return msgspec.json.decode(memory.read_bytes(), type=dict[str, Loaded])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}


def replacement(family: str, text: str) -> str:
    """The transaction that puts ``text`` (the table's inside) in place of whatever the table holds."""
    return f"table {family} {TABLE}\ndelete table {family} {TABLE}\ntable {family} {TABLE} {{\n{text}}}\n"


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
