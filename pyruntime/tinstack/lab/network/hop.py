"""One place on a port's way."""

import msgspec

OK, BROKEN, NOTE = "ok", "broken", "note"


class Hop(msgspec.Struct, frozen=True):
    """``state``: ok, broken (a packet is dropped here) or note (nothing is broken, but worth knowing)."""

    hop: str
    host: str
    state: str
    message: str


def ok(hop: str, host: str, message: str) -> Hop:
    return Hop(hop, host, OK, message)


def note(hop: str, host: str, message: str) -> Hop:
    return Hop(hop, host, NOTE, message)


def broken(hop: str, host: str, message: str) -> Hop:
    return Hop(hop, host, BROKEN, message)
