"""Access rules of application credentials: which requests their tokens may make. Source: Identity API v3 reference.

A path is compared whole; ``*`` and ``{name}`` stand for one segment or a part of it, ``**`` for anything.
"""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

import msgspec


class AccessRule(msgspec.Struct, frozen=True):
    """``service``: a type of the catalog."""

    service: str
    method: str
    path: str


def permits(rules: Iterable[AccessRule], services: Collection[str], method: str, path: str) -> bool:
    """Whether one of the rules is for such a request to a service of one of these types."""
    return any(
        rule.service in services and rule.method.upper() == method and _pattern(rule.path).fullmatch(path)
        for rule in rules
    )


@lru_cache(maxsize=1024)
def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*|\{[^/{}]*\})", path)
    return re.compile("".join(_regex(part) for part in parts))


def _regex(part: str) -> str:
    if part == "**":
        return ".*"
    return "[^/]+" if part == "*" or part.startswith("{") else re.escape(part)
