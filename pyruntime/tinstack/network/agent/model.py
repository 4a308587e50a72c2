"""What should be on a host, in the kernel's terms, and what is there: the two sides that the plans compare."""

import msgspec

from tinstack.network.agent.tables import Table


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """An interface as it should be; ``owner`` is the id of the port or network that it stands for.

    ``kind``: bridge, vxlan, vlan, gretap, tap, veth, physical (not made, only taken into a bridge) or inner (a veth's end in
    a namespace, or lo: not made, only configured). ``segment``: VNI, VLAN id or GRE key; ``local`` and ``remote``: tunnel
    addresses; ``peers``: where VXLAN floods to; ``parent``: the interface under a VLAN; ``space``: the other end's namespace;
    ``filtered``: of a bridge, whether what it forwards passes the rules for IP.
    """

    name: str
    kind: str
    owner: str
    mtu: int | None = None
    up: bool = True
    master: str | None = None
    mac: str | None = None
    addresses: tuple[str, ...] = ()
    segment: int | None = None
    local: str | None = None
    remote: str | None = None
    peers: frozenset[str] = frozenset()
    parent: str | None = None
    space: str | None = None
    filtered: bool = False


class Route(msgspec.Struct, frozen=True, order=True):
    """``destination`` is a CIDR or ``default``."""

    destination: str
    next_hop: str
    ip_version: int = 4


class Space(msgspec.Struct, kw_only=True):
    """A network namespace as it should be (the host's own: ``name`` is empty).

    ``settings``: files below /proc/sys/net; ``tables``: those of nftables named after us, by family; ``floating``: addresses
    translated here, floating → fixed; ``forwarded``: those that are shared out by ports, floating → a number that changes
    with what becomes of its ports.
    """

    name: str
    owner: str
    links: dict[str, Link] = {}
    routes: set[Route] = set()
    settings: dict[str, str] = {}
    tables: dict[str, Table] = {}
    floating: dict[str, str] = {}
    forwarded: dict[str, str] = {}


class SeenLink(msgspec.Struct, frozen=True, kw_only=True):
    """An interface as it is; ``data``: what its kind adds (VNI, forward delay …)."""

    name: str
    kind: str = ""
    mtu: int = 0
    up: bool = False
    master: str | None = None
    mac: str = ""
    parent: str | None = None
    addresses: frozenset[str] = frozenset()
    data: dict[str, object] = {}


class SeenSpace(msgspec.Struct, kw_only=True):
    """A namespace as it is. ``floods``: VXLAN interface → peers it floods to (the host's own namespace only)."""

    links: dict[str, SeenLink] = {}
    routes: set[Route] = set()
    floods: dict[str, set[str]] = {}


class Line(msgspec.Struct, frozen=True):
    """A line of a batch, and whom it concerns when it fails."""

    text: str
    owner: str
