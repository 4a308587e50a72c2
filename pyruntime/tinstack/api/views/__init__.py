"""Rows to public JSON, per microversion: pure functions."""

from functools import lru_cache
from typing import Any

from tinstack.core import clock
from tinstack.core.clock import SECOND

Body = dict[str, Any]

API = "/v2.1"


def links(root: str, kind: str, id: str) -> list[dict[str, str]]:
    """The ``self`` and ``bookmark`` links of a thing. ``root``: the caller's idea of our host."""
    return [
        {"rel": "self", "href": f"{root}{API}/{kind}/{id}"},
        {"rel": "bookmark", "href": f"{root}/{kind}/{id}"},
    ]


def bookmark(root: str, kind: str, id: str) -> list[dict[str, str]]:
    """The one link of a thing that is named within another."""
    return [{"rel": "bookmark", "href": f"{root}/{kind}/{id}"}]


@lru_cache(maxsize=8192)
def _iso(second: int) -> str:
    return clock.iso(second * SECOND)


def iso(us: int) -> str:
    """``2026-01-31T10:00:00Z``."""
    return _iso(us // SECOND)


def iso_or_none(us: int | None) -> str | None:
    """With microseconds and no zone, as details have it."""
    return clock.iso_us(us) if us else None
