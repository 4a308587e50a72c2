"""The difference between what is there and what should be, as lines for ``ip -batch`` and ``bridge -batch``. Pure functions.

Nothing is said about what is right already, so a second look at the same state plans nothing.
"""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from tinstack.network.agent.model import Line, Link, Route, SeenLink, SeenSpace, Space
from tinstack.network.agent.names import METADATA_IP, METADATA_IP6, OURS

KERNEL_KIND = {"bridge": "bridge", "vxlan": "vxlan", "vlan": "vlan", "gretap": "gretap", "tap": "tun", "veth": "veth"}
VXLAN_PORT = 4789
BRIDGE = {"forward_delay": 0, "mcast_snooping": 0}
FILTERED = ("nf_call_iptables", "nf_call_ip6tables")
"""Options of a bridge, the latter with br_netfilter alone."""
FLOOD = "00:00:00:00:00:00"


class HostPlan(msgspec.Struct, kw_only=True):
    """In this order: what goes, what comes or changes, to whom VXLAN floods."""

    removals: list[Line]
    additions: list[Line]
    flooding: list[Line]

    @property
    def empty(self) -> bool:
        """Is everything as it should be?"""
        return not (self.removals or self.additions or self.flooding)


def host_plan(
    seen: SeenSpace, wanted: Space, physical: Collection[str], *, renewed: Collection[str] = (), ipv6: bool = True
) -> HostPlan:
    """The host's own namespace. ``physical``: interfaces that may be taken into our bridges and are given back;
    ``renewed``: namespaces that were just made, so that no veth can lead into them yet."""
    goes = [
        name
        for name, link in seen.links.items()
        if OURS.fullmatch(name)
        and (
            name not in wanted.links
            or not same_kind(link, wanted.links[name])
            or (wanted.links[name].space is not None and wanted.links[name].space in renewed)
        )
    ]
    stays = {name: link for name, link in seen.links.items() if name not in goes}
    removals = [Line(f"link delete dev {name}", _owner(wanted, name)) for name in goes]
    removals += [
        Line(f"link set dev {name} nomaster", name) for name in physical if _given_back(stays.get(name), wanted)
    ]
    additions: list[Line] = []
    for link in wanted.links.values():
        additions += _link_lines(stays.get(link.name), link, stays, ipv6=ipv6)
    flooding: list[Line] = []
    for link in wanted.links.values():
        if link.kind == "vxlan":
            flooding += _flood_lines(link, seen.floods.get(link.name, set()) if link.name in stays else set())
    return HostPlan(removals=removals, additions=additions, flooding=flooding)


def same_kind(seen: SeenLink, wanted: Link) -> bool:
    """Can the interface be made right, or does it have to be made anew?"""
    if seen.kind != KERNEL_KIND.get(wanted.kind, seen.kind):
        return False
    match wanted.kind:
        case "vxlan":
            mine = (wanted.segment, wanted.local, VXLAN_PORT)
            return (seen.data.get("id"), seen.data.get("local"), seen.data.get("port")) == mine
        case "vlan":
            return seen.data.get("id") == wanted.segment and seen.parent == wanted.parent
        case "gretap":
            return (seen.data.get("local"), seen.data.get("remote")) == (wanted.local, wanted.remote)
        case "tap":
            return seen.data.get("type") == "tap"
    return True


def _owner(wanted: Space, name: str) -> str:
    return wanted.links[name].owner if name in wanted.links else name


def _given_back(seen: SeenLink | None, wanted: Space) -> bool:
    return seen is not None and seen.name not in wanted.links and bool(seen.master and OURS.fullmatch(seen.master))


def _link_lines(seen: SeenLink | None, link: Link, others: Mapping[str, SeenLink], *, ipv6: bool) -> list[Line]:
    lines: list[str] = []
    if seen is None and link.kind != "physical":
        lines.append(_creation(link))
        if ipv6:
            lines.append(f"link set dev {link.name} addrgenmode none")
        if link.kind == "gretap":
            changes = _changes(SeenLink(name=link.name), link)
            return [
                Line(text, link.owner)
                for text in [*lines, changes, f"link set dev {link.name} type bridge_slave isolated on"]
            ]
    now = seen or SeenLink(name=link.name)
    if seen and link.kind == "bridge" and any(seen.data.get(name) != value for name, value in _options(link).items()):
        lines.append(f"link set dev {link.name} {_bridge(link)}")
    lines += [
        f"address delete {address} dev {link.name}" for address in sorted(now.addresses) if link.kind != "physical"
    ]
    if link.parent and not others.get(link.parent, SeenLink(name="")).up:
        lines.append(f"link set dev {link.parent} up")
    if changes := _changes(now, link):
        lines.append(changes)
    return [Line(text, link.owner) for text in lines]


def _options(link: Link) -> dict[str, int]:
    """Without br_netfilter there is nothing to switch off."""
    return BRIDGE | dict.fromkeys(FILTERED, 1) if link.filtered else BRIDGE


def _bridge(link: Link) -> str:
    return "type bridge " + " ".join(f"{name} {value}" for name, value in _options(link).items())


def _creation(link: Link) -> str:
    match link.kind:
        case "bridge":
            return f"link add name {link.name} {_bridge(link)}"
        case "vxlan":
            return f"link add name {link.name} type vxlan id {link.segment} local {link.local} dstport {VXLAN_PORT}"
        case "vlan":
            return f"link add link {link.parent} name {link.name} type vlan id {link.segment}"
        case "gretap":
            return f"link add name {link.name} type gretap local {link.local} remote {link.remote} key {link.segment}"
        case "veth":
            peer = f"name {link.name} mtu {link.mtu} address {link.mac} netns {link.space}"
            return f"link add name {link.name} mtu {link.mtu} type veth peer {peer}"
    return f"tuntap add dev {link.name} mode tap"


def _changes(seen: SeenLink, link: Link) -> str:
    """One ``link set`` for all that differs, or nothing."""
    words: list[str] = []
    if link.mtu and seen.mtu != link.mtu:
        words.append(f"mtu {link.mtu}")
    if link.mac and link.kind == "inner" and seen.mac != link.mac:
        words.append(f"address {link.mac}")
    if link.master and seen.master != link.master:
        words.append(f"master {link.master}")
    if seen.up != link.up:
        words.append("up" if link.up else "down")
    return f"link set dev {link.name} {' '.join(words)}" if words else ""


def _flood_lines(link: Link, seen: set[str]) -> list[Line]:
    """Head-end replication: one entry for each peer, no multicast needed (RFC 7348, section 4.2)."""
    texts = [f"fdb append {FLOOD} dev {link.name} dst {peer}" for peer in sorted(link.peers - seen)]
    texts += [f"fdb delete {FLOOD} dev {link.name} dst {peer}" for peer in sorted(seen - link.peers)]
    return [Line(text, link.owner) for text in texts]


def space_plan(seen: SeenSpace, wanted: Space, *, ipv6: bool = True) -> list[Line]:
    """Inside a namespace, where everything is ours: interfaces, their addresses, routes. ``ipv6``: whether the host has it."""
    lines: list[Line] = []
    for link in wanted.links.values():
        now = seen.links.get(link.name)
        if now is None:
            continue
        if changes := _changes(now, link):
            lines.append(Line(changes, link.owner))
        stale = sorted(now.addresses - set(link.addresses))
        lines += [Line(f"address delete {address} dev {link.name}", link.owner) for address in stale]
        fresh = [address for address in link.addresses if address not in now.addresses]
        if not ipv6:  # nobody asked for that one; of others it is said that they can't be made
            fresh = [address for address in fresh if not address.startswith(METADATA_IP6)]
        lines += [Line(_new_address(address, link.name), link.owner) for address in fresh]
    kept = {(route.destination, route.ip_version) for route in wanted.routes}
    stale_routes = [route for route in seen.routes - wanted.routes if (route.destination, route.ip_version) not in kept]
    lines += [Line(_route("delete", route), wanted.owner) for route in sorted(stale_routes)]
    lines += [Line(_route("replace", route), wanted.owner) for route in _in_order(wanted.routes - seen.routes)]
    return lines


def missing(seen: SeenSpace, wanted: Space) -> dict[str, str]:
    """Ends that should be inside and are not: owner → the outer end, which has to be made anew."""
    return {link.owner: link.name for link in wanted.links.values() if link.name not in seen.links}


def _new_address(address: str, device: str) -> str:
    return f"address add {address} dev {device}" + (" nodad" if ":" in address else "")


def _route(verb: str, route: Route) -> str:
    family = "-6 " if route.ip_version == 6 else ""
    return f"{family}route {verb} {route.destination} via {route.next_hop}"


def _in_order(routes: Iterable[Route]) -> list[Route]:
    """The default route last, so that it can't hide that another's next hop is out of reach."""
    return sorted(routes, key=lambda route: (route.destination == "default", route))


def announced(seen: SeenSpace, wanted: Space) -> list[tuple[str, str, str]]:
    """(device, MAC, IPv4 address) for each address that is new here, so that neighbours forget who had it before."""
    found: list[tuple[str, str, str]] = []
    for link in wanted.links.values():
        now = seen.links.get(link.name)
        if now is None or link.mac is None or not link.up:
            continue
        moved = not now.up or now.mac != link.mac
        for address in link.addresses:
            ip = address.partition("/")[0]
            if ":" not in ip and ip != METADATA_IP and (moved or address not in now.addresses):
                found.append((link.name, link.mac, ip))
    return found
