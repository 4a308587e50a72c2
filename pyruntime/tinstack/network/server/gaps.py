"""The next free number of some ranges, by looking at the used ones in order: as long as the search's gap is far, no longer.

A cursor row per name (a subnet, a kind of segment) remembers where the next search begins and is updated first, so that
takers of the same ranges come one after another. Numbers are given round-robin: what was just freed is not given at once.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence

from sqlalchemy import bindparam, select, update

from tinstack.core.db import Duplicate, Transaction, prepared
from tinstack.network.server import tables as t

FIRST_LOOK, LONGEST_LOOK = 4, 1024

Range = tuple[int, int]
Used = Callable[[int, int, int], Awaitable[Sequence[int]]]
"""(from, to, at most so many) → the used numbers in order."""

_C = t.cursors.c

LOCK = prepared(update(t.cursors).where(_C.name == bindparam("key")).values(generation=_C.generation + 1))
NEXT = prepared(select(_C.next).where(_C.name == bindparam("key")))
MOVE = prepared(update(t.cursors).where(_C.name == bindparam("key")).values(next=bindparam("place")))
ADD = prepared(t.cursors.insert())
DROP = prepared(t.cursors.delete().where(_C.name == bindparam("key")))


def key_of(number: int) -> str:
    """A number of up to 128 bits as text that sorts."""
    return f"{number:032x}"


async def add(tx: Transaction, name: str) -> None:
    """A new cursor. Raises Duplicate."""
    await tx.run(ADD, name=name, generation=1, next=key_of(0))


async def drop(tx: Transaction, name: str) -> None:
    """The cursor is not needed any more."""
    await tx.run(DROP, key=name)


async def lock(tx: Transaction, name: str) -> bool:
    """Until the end of the transaction no other takes from here; False where there is no such cursor."""
    return bool(await tx.run(LOCK, key=name))


async def lock_or_add(tx: Transaction, name: str) -> None:
    """The same for a name that needs no making."""
    if not await lock(tx, name):
        try:
            await add(tx, name)
        except Duplicate:
            await lock(tx, name)


async def take(tx: Transaction, name: str, ranges: Sequence[Range], used: Used, start: int | None = None) -> int | None:
    """A free number, for whoever locked ``name``; None where all are used. ``start``: where the search begins, if it is known."""
    if start is None:
        start = int(await tx.scalar(NEXT, key=name) or "0", 16)
    found = await first_free(ranges, start, used)
    if found is not None:
        await tx.run(MOVE, key=name, place=key_of(found + 1))
    return found


async def first_free(ranges: Sequence[Range], start: int, used: Used) -> int | None:
    """The first number of ``ranges`` from ``start`` on (and then from the beginning) that is not used."""
    for low, high in _rotated(ranges, start):
        at, look = low, FIRST_LOOK
        while at <= high:
            taken = await used(at, high, look)
            for number in taken:
                if number > at:
                    return at
                at = number + 1
            if len(taken) < look:
                break
            look = min(look * 4, LONGEST_LOOK)
        if at <= high:
            return at
    return None


def _rotated(ranges: Sequence[Range], start: int) -> Iterator[Range]:
    ordered = sorted(ranges)
    for low, high in ordered:
        if high >= start:
            yield max(low, start), high
    for low, high in ordered:
        if low < start:
            yield low, min(high, start - 1)
