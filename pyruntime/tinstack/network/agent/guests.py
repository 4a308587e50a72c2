"""Guests' ports that are filtered on this host, with the numbers that stand for them in the rules; kept in a file, so that a
port keeps its number and a network its connection tracking zone, and that it is known whose a connection was."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

MOST = 65535
"""Zones have sixteen bits."""


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """``number``: the mark of packets from and to the port; ``zone``: of its network; ``addresses``: single ones that it may
    speak for; whose those of a prefix are nobody knows."""

    device: str
    network_id: str
    number: int
    zone: int
    addresses: list[str]


Guests = dict[str, Guest]
"""By the port's id."""


def numbered(wanted: Iterable[str], kept: Mapping[str, int]) -> dict[str, int]:
    """A number for each: the one that it had, or the least that none of them has or had. Without one: those past ``MOST``."""
    names = sorted(set(wanted))
    taken = set(kept.values())
    found = {name: kept[name] for name in names if name in kept}
    free = (number for number in range(1, MOST + 1) if number not in taken)
    for name in names:
        if name not in found and (number := next(free, None)):
            found[name] = number
    return found


class Memory:
    """``folder``: where the file is, and two that are there or not: connections have yet to be judged by rules that were
    changed (``unjudged``), some may be marked as ended (``ended``)."""

    def __init__(self, folder: Path) -> None:
        self._file, self.unjudged, self.ended = folder / "guests.json", folder / "unjudged", folder / "ended"
        self.guests: Guests = _read(self._file)

    def keep(self, guests: Guests) -> None:
        """From now on these."""
        if guests != self.guests:
            new = self._file.with_suffix(".new")
            new.write_bytes(msgspec.json.encode(guests))
            os.replace(new, self._file)
            self.guests = guests


def _read(file: Path) -> Guests:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Guests)
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}
