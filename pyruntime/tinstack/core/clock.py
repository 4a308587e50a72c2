"""Time as integer microseconds since the epoch (UTC), and how it is written in API bodies (ISO 8601)."""

import time
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now_us() -> int:
    """This machine's clock in microseconds. Leases and deadlines use the database's clock instead."""
    return time.time_ns() // 1000


def iso(us: int) -> str:
    """``2026-01-31T10:00:00Z``: whole seconds, as most compute and image bodies have it."""
    return (_EPOCH + timedelta(microseconds=us)).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_us(us: int) -> str:
    """``2026-01-31T10:00:00.000000``: with microseconds and no zone, as volume and compute detail bodies have it."""
    return (_EPOCH + timedelta(microseconds=us)).strftime("%Y-%m-%dT%H:%M:%S.%f")


def iso_us_z(us: int) -> str:
    """``2026-01-31T10:00:00.000000Z``: as identity writes ``issued_at`` and ``expires_at``."""
    return iso_us(us) + "Z"


def parse_iso(text: str) -> int:
    """Microseconds of an ISO 8601 time; without a zone it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)
