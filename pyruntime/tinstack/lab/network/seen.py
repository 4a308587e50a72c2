"""What hosts told of their networking."""

from typing import Any

import msgspec


class Link(msgspec.Struct, frozen=True):
    """An interface as it is. ``carrier``: something is at its other end."""

    kind: str = ""
    data: dict[str, Any] = {}
    mtu: int = 0
    up: bool = False
    carrier: bool = False
    master: str | None = None
    mac: str = ""
    addresses: list[str] = []


class Space(msgspec.Struct, frozen=True):
    """A namespace as it is. ``advertiser``: of a router's, the state of what advertises it to guests of IPv6."""

    links: dict[str, Link] = {}
    routes: list[dict[str, str]] = []
    maps: dict[str, dict[str, str]] = {}
    snat: list[str] = []
    advertiser: str = ""
    foreign: list[str] = []


class Dhcp(msgspec.Struct, frozen=True):
    state: str = "unknown"
    hosts: dict[str, list[str]] = {}


class Guards(msgspec.Struct, frozen=True):
    """Taps that are filtered, and the groups that there are rules of."""

    taps: list[str] = []
    groups: list[str] = []


class Seen(msgspec.Struct, frozen=True):
    """A host as it is."""

    agent: str = ""
    links: dict[str, Link] = {}
    floods: dict[str, list[str]] = {}
    foreign: list[str] = []
    spaces: dict[str, Space] = {}
    dhcp: dict[str, Dhcp] = {}
    guests: list[str] = []
    answers: dict[str, bool] = {}
    guards: Guards = msgspec.field(default_factory=Guards)
