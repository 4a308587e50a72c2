"""What is on the host: interfaces, addresses, routes and flooding lists, as ``ip -j`` and ``bridge -j`` tell them."""

from typing import Any

import msgspec

from tinstack.network.agent.commands import run
from tinstack.network.agent.model import Route, SeenLink, SeenSpace
from tinstack.network.agent.names import METADATA_IP6

ANY_MAC = "00:00:00:00:00:00"


class _Address(msgspec.Struct):
    family: str = ""
    local: str = ""
    prefixlen: int = 0
    scope: str = ""


class _Info(msgspec.Struct):
    info_kind: str = ""
    info_data: dict[str, Any] = {}


class _Link(msgspec.Struct):
    ifname: str = ""
    flags: list[str] = []
    mtu: int = 0
    master: str | None = None
    address: str = ""
    link: str | None = None
    linkinfo: _Info = msgspec.field(default_factory=_Info)
    addr_info: list[_Address] = []


class _Route(msgspec.Struct):
    dst: str = ""
    gateway: str = ""
    protocol: str = ""


class _Entry(msgspec.Struct):
    mac: str = ""
    ifname: str = ""
    dst: str = ""


_links = msgspec.json.Decoder(list[_Link]).decode
_routes = msgspec.json.Decoder(list[_Route]).decode
_entries = msgspec.json.Decoder(list[_Entry]).decode


def host() -> SeenSpace:
    """The namespace of the agent itself."""
    return SeenSpace(links=links(), floods=floods(run(["bridge", "-j", "fdb", "show"])))


def space() -> SeenSpace:
    """The namespace that this thread is in."""
    routes = read_routes(run(["ip", "-j", "route", "show"]), 4) | read_routes(
        run(["ip", "-6", "-j", "route", "show"]), 6
    )
    return SeenSpace(links=links(), routes=routes)


def links() -> dict[str, SeenLink]:
    """The interfaces that this thread sees, with their addresses."""
    return read_links(run(["ip", "-d", "-j", "address", "show"]))


def read_links(said: str) -> dict[str, SeenLink]:
    """From ``ip -d -j address show``. Addresses that the kernel makes itself (loopback, link-local but metadata's) are left out."""
    return {
        link.ifname: SeenLink(
            name=link.ifname,
            kind=link.linkinfo.info_kind,
            mtu=link.mtu,
            up="UP" in link.flags,
            master=link.master,
            mac=link.address,
            parent=link.link,
            addresses=frozenset(f"{one.local}/{one.prefixlen}" for one in link.addr_info if not _made_by_kernel(one)),
            data=link.linkinfo.info_data,
        )
        for link in _links(said or "[]")
        if link.ifname
    }


def _made_by_kernel(address: _Address) -> bool:
    if address.family == "inet6" and address.scope == "link":
        return address.local != METADATA_IP6
    return address.local in ("127.0.0.1", "::1")


def read_routes(said: str, ip_version: int) -> set[Route]:
    """From ``ip -j route show``: those by a next hop; the others follow from addresses."""
    return {Route(route.dst, route.gateway, ip_version) for route in _routes(said or "[]") if route.gateway}


def floods(said: str) -> dict[str, set[str]]:
    """From ``bridge -j fdb show``: interface → where unknown destinations are sent."""
    found: dict[str, set[str]] = {}
    for entry in _entries(said or "[]"):
        if entry.mac == ANY_MAC and entry.dst:
            found.setdefault(entry.ifname, set()).add(entry.dst)
    return found
