"""From the wanted state (``HostNetworkState``) to interfaces, namespaces and rules: a pure function.

What can't be made is said in one sentence per port, network or router, and left out; the rest is made all the same.
"""

from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from tinstack.core.errors import ApiError
from tinstack.network.agent import advertising, bridges, dhcp, fields, forwarding, names, rules, spoofing
from tinstack.network.agent.groups import Remote
from tinstack.network.agent.guests import Guest, Guests, numbered
from tinstack.network.agent.model import Link, Route, SeenLink, Space
from tinstack.network.rpc import HostNetworkState, WantedNetwork, WantedPort, WantedRouter

HEARS_NO_ROUTERS = {"ipv6/conf/default/accept_ra": "0", "ipv6/conf/all/accept_ra": "0"}
ROUTER_SETTINGS = {**HEARS_NO_ROUTERS, "ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1"}
DHCP_SETTINGS = {**HEARS_NO_ROUTERS, "ipv4/ip_forward": "0", "ipv6/conf/all/forwarding": "0"}


class Unfit(ApiError):
    """Something wanted can't be made on this host; the text says what and why."""

    code = "network.agent.unfit"


class Layout(msgspec.Struct, kw_only=True):
    """All that this host should have. ``servers``: of DHCP, by network; ``ports``: port id → its interface in the host's own
    namespace; ``doors``: namespace → the networks whose guests ask for metadata there; ``guests``: ports that are filtered;
    ``advertisers``: router → what it advertises, as dnsmasq's configuration; ``errors``: id → sentence."""

    host: Space
    spaces: dict[str, Space] = {}
    servers: dict[str, dhcp.Server] = {}
    ports: dict[str, Link] = {}
    doors: dict[str, list[str]] = {}
    guests: Guests = {}
    advertisers: dict[str, str] = {}
    errors: dict[str, str] = {}


def lay_out(
    state: HostNetworkState,
    tunnel_ip: str,
    physical_networks: Mapping[str, str],
    seen: Mapping[str, SeenLink],
    folder: str,
    kept: Guests,
) -> Layout:
    """``seen``: this host's interfaces now (a physical one must be fit to be taken); ``folder``: where DHCP's files go;
    ``kept``: guests that have numbers already."""
    layout = Layout(host=Space(name="", owner=""))
    networks = {network.id: network for network in state.networks if names.UUID.fullmatch(network.id)}
    ports = {port.id: port for port in state.ports}
    _lay_networks(layout, state, tunnel_ip, physical_networks, seen)
    for router in state.routers:
        _guard(layout, router.id, _lay_router, router, ports, networks)
    for network in networks.values():
        if network.dhcp_port:
            _guard(layout, network.dhcp_port, _lay_dhcp, network, ports, state, folder)
    for port in state.ports:
        if not port.owner.startswith("network:"):
            _guard(layout, port.id, _lay_tap, port, networks)
    if layout.host.links:
        _lay_rules(layout, state, kept)
    return layout


def _lay_rules(layout: Layout, state: HostNetworkState, kept: Guests) -> None:
    """Of the bridges: guests' ports with port security are filtered, and their networks' bridges for it."""
    remotes = {}
    for wanted in state.addresses:
        try:
            remotes[wanted.id] = Remote(wanted)
        except ApiError as error:
            layout.errors[wanted.id] = error.text
    taps = [port for port in state.ports if port.id in layout.ports and layout.ports[port.id].kind == "tap"]
    guarded = [port for port in taps if port.port_security]
    numbers = numbered((port.id for port in guarded), {id: guest.number for id, guest in kept.items()})
    zones = numbered((port.network_id for port in guarded), {guest.network_id: guest.zone for guest in kept.values()})
    for port in guarded:
        _guard(layout, port.id, _lay_guest, port, numbers.get(port.id), zones.get(port.network_id))
    pairs = [(port, layout.guests[port.id]) for port in guarded if port.id in layout.guests]
    members = [link.name for link in layout.host.links.values() if link.master]
    ids = [link.owner for link in layout.host.links.values() if link.kind == "bridge"]
    inet, errors = bridges.inet_table(ids, pairs, state.groups, remotes)
    layout.errors |= errors
    layout.host.tables = {"bridge": bridges.bridge_table(members, pairs, taps), "inet": inet}
    for name in {names.bridge(port.network_id) for port, _ in pairs}:
        layout.host.links[name] = replace(layout.host.links[name], filtered=True)


def _lay_guest(layout: Layout, port: WantedPort, number: int | None, zone: int | None) -> None:
    """A port that can't be filtered is not plugged in."""
    try:
        if number is None or zone is None:
            raise Unfit("This host has no number left for the port's packets.")
        speaks = [net for some in spoofing.speakers(port).values() for net in some]
    except ApiError:
        del layout.ports[port.id], layout.host.links[port.device]
        raise
    single = {str(net.network_address) for net in speaks if net.prefixlen == net.max_prefixlen}
    addresses = sorted(single | {fields.address(one.ip) for one in port.addresses})
    layout.guests[port.id] = Guest(
        device=port.device, network_id=port.network_id, number=number, zone=zone, addresses=addresses
    )


def _guard(layout: Layout, owner: str, lay: Callable[..., None], *arguments: object) -> None:
    try:
        lay(layout, *arguments)
    except ApiError as error:
        layout.errors[owner] = error.text


def _lay_networks(
    layout: Layout,
    state: HostNetworkState,
    tunnel_ip: str,
    physical_networks: Mapping[str, str],
    seen: Mapping[str, SeenLink],
) -> None:
    taken: dict[str, str] = {}
    for network in state.networks:
        if not names.UUID.fullmatch(network.id):
            layout.errors[network.id] = f"The network's id '{network.id}' is no UUID."
            continue
        try:
            uplinks = _uplinks(network, tunnel_ip, physical_networks, seen, taken)
        except ApiError as error:
            layout.errors[network.id] = error.text
            uplinks = []
        bridge = Link(name=names.bridge(network.id), kind="bridge", owner=network.id, mtu=network.mtu)
        for link in (bridge, *uplinks):
            layout.host.links[link.name] = link


def _uplinks(
    network: WantedNetwork,
    tunnel_ip: str,
    physical_networks: Mapping[str, str],
    seen: Mapping[str, SeenLink],
    taken: dict[str, str],
) -> list[Link]:
    """What carries the network's frames to other hosts. Raises Unfit."""
    if network.kind == "local":
        return []
    if network.kind not in ("vxlan", "gre", "vlan", "flat"):
        raise Unfit(f"Networks of type '{network.kind}' are not served.")
    if network.kind != "flat" and network.segment is None:
        raise Unfit(f"The {network.kind} network has no segment.")
    link = Link(
        name="",
        kind=network.kind,
        owner=network.id,
        mtu=network.mtu,
        master=names.bridge(network.id),
        segment=network.segment,
    )
    if network.kind in ("vxlan", "gre"):
        return _tunnels(
            replace(link, local=fields.address(tunnel_ip)), [fields.address(peer) for peer in network.peers]
        )
    interface = _physical(network, physical_networks, seen)
    if network.kind == "vlan":
        return [replace(link, name=names.vlan(network.id), parent=interface)]
    if other := taken.get(interface):
        raise Unfit(f"The interface {interface} already carries the flat network {other}.")
    taken[interface] = network.id
    return [Link(name=interface, kind="physical", owner=network.id, master=names.bridge(network.id))]


def _tunnels(link: Link, peers: list[str]) -> list[Link]:
    if link.kind == "vxlan":
        return [replace(link, name=names.vxlan(link.owner), peers=frozenset(peers))]
    return [replace(link, name=names.tunnel(link.owner, peer), kind="gretap", remote=peer) for peer in sorted(peers)]


def _physical(network: WantedNetwork, physical_networks: Mapping[str, str], seen: Mapping[str, SeenLink]) -> str:
    name = network.physical_network or ""
    interface = physical_networks.get(name)
    if interface is None:
        raise Unfit(f"The physical network '{name}' is not configured on this host.")
    link = seen.get(interface)
    if link is None:
        raise Unfit(f"The interface {interface} of physical network '{name}' is not there.")
    if link.addresses and network.kind == "flat":
        raise Unfit(
            f"The interface {interface} of physical network '{name}' has addresses of its own; it must have none."
        )
    if link.master and network.kind == "flat" and not names.OURS.fullmatch(link.master):
        raise Unfit(
            f"The interface {interface} of physical network '{name}' belongs to the bridge {link.master} already."
        )
    return interface


def _lay_tap(layout: Layout, port: WantedPort, networks: Mapping[str, WantedNetwork]) -> None:
    network = _network_of(port, networks)
    if not port.device.startswith("tap"):
        raise Unfit(f"The device '{port.device}' is no tap.")
    for address in port.addresses:
        fields.address(address.ip)
    link = Link(
        name=port.device,
        kind="tap",
        owner=port.id,
        mtu=network.mtu,
        master=names.bridge(network.id),
        up=port.admin_up,
    )
    layout.host.links[port.device] = layout.ports[port.id] = link


def _network_of(port: WantedPort, networks: Mapping[str, WantedNetwork]) -> WantedNetwork:
    if not names.PORT.fullmatch(port.device):
        raise Unfit(f"The port's device '{port.device}' is not a name that this agent gives.")
    fields.mac(port.mac)
    if port.network_id not in networks:
        raise Unfit(f"The port's network {port.network_id} is not among this host's networks.")
    return networks[port.network_id]


def _lay_veth(layout: Layout, space: Space, port: WantedPort, network: WantedNetwork, extra: list[str]) -> None:
    """A port of ours: one end in the bridge, the other, of the same name, in the namespace."""
    addresses = tuple(dict.fromkeys([fields.interface(one.ip, one.prefix) for one in port.addresses] + extra))
    outer = Link(
        name=port.device,
        kind="veth",
        owner=port.id,
        mtu=network.mtu,
        master=names.bridge(network.id),
        space=space.name,
        mac=port.mac,
    )
    inner = Link(
        name=port.device,
        kind="inner",
        owner=port.id,
        mtu=network.mtu,
        mac=port.mac,
        addresses=addresses,
        up=port.admin_up,
    )
    layout.host.links[port.device] = layout.ports[port.id] = outer
    space.links[port.device] = inner


def _loopback(owner: str, *addresses: str) -> Link:
    return Link(name="lo", kind="inner", owner=owner, addresses=addresses)


def _lay_router(
    layout: Layout, router: WantedRouter, ports: Mapping[str, WantedPort], networks: Mapping[str, WantedNetwork]
) -> None:
    if not names.UUID.fullmatch(router.id):
        raise Unfit(f"The router's id '{router.id}' is no UUID.")
    name = names.router_space(router.id)
    space = Space(name=name, owner=router.id, settings=ROUTER_SETTINGS)
    space.links["lo"] = _loopback(router.id, f"{names.METADATA_IP}/32")
    layout.spaces[name] = space
    layout.doors[name] = []
    for port_id in router.interfaces:
        port = _port(port_id, ports)
        _lay_veth(layout, space, port, _network_of(port, networks), [])
        layout.doors[name].append(port.network_id)
    inside = [(ports[id], networks[ports[id].network_id]) for id in router.interfaces]
    if advertised := advertising.configuration(router.id, inside):
        layout.advertisers[router.id] = advertised
    space.routes = {fields.route(destination, next_hop) for destination, next_hop in router.routes}
    if router.gateway_port is None:
        return
    space.floating = {fields.address(one.floating_ip): fields.address(one.fixed_ip) for one in router.floating}
    gateway = _port(router.gateway_port, ports)
    own = [address.ip for address in gateway.addresses if ":" not in address.ip]
    forwards = [forwarding.checked(one) for one in router.forwards]
    space.forwarded = forwarding.marks(forwards)
    floating = [f"{address}/32" for address in {**space.floating, **space.forwarded} if address not in own]
    _lay_veth(layout, space, gateway, _network_of(gateway, networks), floating)
    others: dict[str, str | None] = {}
    for port_id in router.more_gateways:
        other = _port(port_id, ports)
        _lay_veth(layout, space, other, _network_of(other, networks), [])
        others[other.device] = next((one.ip for one in other.addresses if ":" not in one.ip), None)
    if router.gateway_next_hop:
        space.routes.add(fields.route("default", router.gateway_next_hop))
    if router.gateway_next_hop6:
        space.routes.add(fields.route("default", router.gateway_next_hop6))
    table = rules.router(gateway.device, own[0] if own else None, router.enable_snat, space.floating, forwards, others)
    space.tables = {"inet": table}


def _port(port_id: str, ports: Mapping[str, WantedPort]) -> WantedPort:
    if port_id not in ports:
        raise Unfit(f"The router's port {port_id} is not among this host's ports.")
    return ports[port_id]


def _lay_dhcp(
    layout: Layout, network: WantedNetwork, ports: Mapping[str, WantedPort], state: HostNetworkState, folder: str
) -> None:
    port = ports.get(network.dhcp_port or "")
    if port is None:
        raise Unfit(f"The DHCP port {network.dhcp_port} is not among this host's ports.")
    _network_of(port, {network.id: network})
    name = names.dhcp_space(network.id)
    space = Space(name=name, owner=port.id, settings=DHCP_SETTINGS)
    space.links["lo"] = _loopback(port.id)
    _lay_veth(layout, space, port, network, [f"{names.METADATA_IP}/32", f"{names.METADATA_IP6}/64"])
    gateways = [subnet.gateway_ip for subnet in dhcp.served(network) if subnet.gateway_ip]
    own = {address.ip for address in port.addresses}
    space.routes = {Route("default", fields.address(gateway)) for gateway in gateways[:1] if gateway not in own}
    layout.spaces[name] = space
    layout.doors[name] = [network.id]
    hosts = [host for host in state.dhcp_hosts if host.network_id == network.id]
    layout.servers[network.id] = dhcp.server(network, port, hosts, folder)
