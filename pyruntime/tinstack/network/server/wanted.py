"""The wanted state of a host: all that its networking should be, from a handful of queries, with the generation it holds for.

The generation is read first, with the ports: what changes meanwhile may be in the answer already, and makes the host look again
all the same.
"""

import asyncio
from collections.abc import Collection, Iterable
from functools import lru_cache
from ipaddress import ip_network

import msgspec
from sqlalchemy import bindparam, select

from tinstack.core.db import Prepared, prepared
from tinstack.core.guestdata import host_key, newest
from tinstack.network import rpc
from tinstack.network.server import filters, limits, store
from tinstack.network.server import tables as t
from tinstack.network.server.config import Config
from tinstack.network.server.known import MARK_NOW, Known, KnownDatabase
from tinstack.network.server.names import hostname
from tinstack.network.server.rows import (
    DHCP,
    ROUTER_GATEWAY,
    ROUTER_INTERFACE,
    FloatingIp,
    HostPort,
    Network,
    Router,
    Subnet,
)

OVERLAYS = ("vxlan", "gre")
DEVICE_PREFIX = {ROUTER_INTERFACE: "qr-", ROUTER_GATEWAY: "qg-"}

_P, _H, _R, _A, _F, _W, _G = (
    t.ports.c, t.hosts.c, t.routers.c, t.allocations.c, t.floatingips.c, t.l3.port_forwardings.c, t.port_groups.c,
)  # fmt: skip

_LOOK = select(
    MARK_NOW, select(_H.generation).where(_H.host == bindparam("name")).scalar_subquery().label("generation")
)
_SEEN = _LOOK.subquery("seen")
PORTS = prepared(
    select(_SEEN, *(_P[name] for name in HostPort.__struct_fields__ if name in _P), _A.subnet_id, _A.ip, _G.group_id)
    .select_from(_SEEN)
    .outerjoin(t.ports, _P.binding_host == bindparam("name"))
    .outerjoin(t.allocations, _A.port_id == _P.id)
    .outerjoin(t.port_groups, _G.port_id == _P.id)
    .order_by(_P.id, _A.key, _G.group_id)
)
"""A row for each address of a port with each of its groups; one without a port where the host has none."""
ROUTERS = prepared(select(t.routers).where(_R.host == bindparam("name"), _R.admin_state_up == 1).order_by(_R.id))
FLOATING = prepared(
    select(t.floatingips)
    .join(t.routers, _R.id == _F.router_id)
    .where(_R.host == bindparam("name"))
    .order_by(_F.floating_ip_address)
)
FORWARDS = prepared(
    select(_W.router_id, _F.floating_ip_address, _W.protocol, _W.internal_ip_address)
    .add_columns(_W.external_start, _W.external_end, _W.internal_start, _W.internal_end)
    .join(t.floatingips, _F.id == _W.floatingip_id)
    .join(t.routers, _R.id == _W.router_id)
    .where(_R.host == bindparam("name"))
    .order_by(_F.floating_ip_address, _W.protocol, _W.external_start)
)
LEASES = (
    select(_A.network_id, _A.ip, _P.id.label("port_id"), _P.mac_address, _P.device_id, _P.project_id, _P.dns_name)
    .add_columns(_P.extra_dhcp_opts)
    .join(t.ports, _P.id == _A.port_id)
    .where(_P.device_owner.not_like("network:%"))
    .order_by(_A.network_id, _A.key)
)


@lru_cache(maxsize=16)
def _peers_of(size: int) -> Prepared:
    """Of so many networks. Their hosts are found by a few steps through an index, however many ports there are."""
    places = select(_P.network_id, _P.binding_host).where(_P.network_id.in_(store.asked(size))).distinct().subquery()
    return prepared(
        select(places.c.network_id, _H.host, _H.tunnel_ip)
        .join(t.hosts, _H.host == places.c.binding_host)
        .where(_H.tunnel_ip != "", _H.heartbeat_at > 0)
    )


class _Held(HostPort, kw_only=True):
    """A port with one of its addresses and one of its groups; the mark and the host's generation as they are now."""

    mark: int | None
    generation: int | None
    subnet_id: str | None
    ip: str | None
    group_id: str | None


class _Peer(msgspec.Struct, frozen=True):
    network_id: str
    host: str
    tunnel_ip: str


class _Forward(msgspec.Struct, frozen=True):
    router_id: str
    floating_ip_address: str
    protocol: str
    internal_ip_address: str
    external_start: int | None
    external_end: int | None
    internal_start: int | None
    internal_end: int | None


class _Lease(msgspec.Struct, frozen=True):
    network_id: str
    ip: str
    port_id: str
    mac_address: str
    device_id: str
    project_id: str
    dns_name: str
    extra_dhcp_opts: list[dict[str, str | int]]


def device_name(port: HostPort) -> str:
    """The interface that stands for a port on its host."""
    return f"{DEVICE_PREFIX.get(port.device_owner, 'tap')}{port.id[:11]}"


class Wanted:
    """Builds it."""

    def __init__(self, config: Config, database: KnownDatabase) -> None:
        self.config, self._db = config, database

    async def of(self, host: str) -> rpc.HostNetworkState:
        """For a host without ports: nothing but its generation."""
        rows = await self._db.all(PORTS, _Held, name=host)
        known, ports = self._db.at(rows[0].mark), _ports(row for row in rows if row.id)
        routers = await known.all(ROUTERS, Router, name=host)
        network_ids = {port.network_id for port in ports}
        networks = await store.by_ids(known, store.networks, network_ids)
        subnets = await store.all_in(known, store.ALL_SUBNETS, t.subnets.c.network_id, network_ids, Subnet)
        up = {router.id for router in routers}
        there = [port for port in ports if port.device_owner not in DEVICE_PREFIX or port.device_id in up]
        overlays = {network.id for network in networks.values() if network.kind in OVERLAYS}
        peers, (groups, addresses), leases = await asyncio.gather(
            store.all_by(self._db, _peers_of, overlays, _Peer),
            filters.wanted(self._db, known, {id for port in ports for id in filters.groups_of(port)}),
            self._leases(there),
        )
        slow = await limits.wanted(known, ports, networks)
        prefixes = {subnet.id: ip_network(subnet.cidr).prefixlen for subnet in subnets}
        return rpc.HostNetworkState(
            generation=rows[0].generation or 0,
            networks=[
                self._network(network, subnets, there, [peer for peer in peers if peer.host != host])
                for network in sorted(networks.values(), key=lambda one: one.id)
            ],
            ports=[_port(port, prefixes, slow.get(port.id, limits.NONE)) for port in there],
            routers=await self._routers(known, host, routers, there, subnets),
            dhcp_hosts=leases,
            metadata_url=self.config.metadata_url,
            metadata_key=host_key(newest(self.config.metadata_secret), host),
            groups=groups,
            addresses=addresses,
        )

    def _network(
        self, network: Network, subnets: Iterable[Subnet], ports: Iterable[HostPort], peers: Iterable[_Peer]
    ) -> rpc.WantedNetwork:
        serving = (port.id for port in ports if port.network_id == network.id and port.device_owner == DHCP)
        return rpc.WantedNetwork(
            id=network.id,
            kind=network.kind,
            segment=network.segment,
            physical_network=network.physical_network,
            mtu=network.mtu,
            peers=sorted({peer.tunnel_ip for peer in peers if peer.network_id == network.id}),
            subnets=[_subnet(subnet) for subnet in subnets if subnet.network_id == network.id],
            dhcp_port=next(serving, None) if network.admin_state_up else None,
            dns_domain=(network.dns_domain or self.config.dns_domain).rstrip("."),
        )

    async def _routers(
        self,
        known: Known,
        host: str,
        routers: Collection[Router],
        ports: Collection[HostPort],
        subnets: Iterable[Subnet],
    ) -> list[rpc.WantedRouter]:
        floating = await known.all(FLOATING, FloatingIp, name=host) if routers else []
        forwards = await known.all(FORWARDS, _Forward, name=host) if routers else []
        gateways = {subnet.id: subnet.gateway_ip for subnet in subnets}
        there = {port.id: port for port in ports}
        found = []
        for router in routers:
            gateway = router.gateway_port_id if router.gateway_port_id in there else None
            held = there[gateway].addresses if gateway else []
            hops = [hop for subnet_id, _ in held if (hop := gateways.get(subnet_id))]
            inside = [port for port in ports if port.device_id == router.id and port.device_owner == ROUTER_INTERFACE]
            found.append(
                rpc.WantedRouter(
                    id=router.id,
                    interfaces=[port.id for port in inside if port.admin_state_up],
                    gateway_port=gateway,
                    more_gateways=[
                        port.id
                        for port in ports
                        if port.device_id == router.id and port.device_owner == ROUTER_GATEWAY and port.id != gateway
                    ],
                    gateway_next_hop=next((hop for hop in hops if ":" not in hop), None),
                    gateway_next_hop6=next((hop for hop in hops if ":" in hop), None),
                    enable_snat=router.enable_snat,
                    floating=[
                        rpc.WantedFloating(floating_ip=one.floating_ip_address, fixed_ip=one.fixed_ip_address)
                        for one in floating
                        if one.router_id == router.id and one.fixed_ip_address
                    ],
                    routes=[(route.destination, route.nexthop) for route in router.routes],
                    forwards=[_forward(one) for one in forwards if one.router_id == router.id],
                )
            )
        return found

    async def _leases(self, ports: Iterable[HostPort]) -> list[rpc.DhcpHost]:
        """Of every network with a DHCP or router port here: the metadata proxy knows guests by them too."""
        served = {port.network_id for port in ports if port.device_owner in (DHCP, ROUTER_INTERFACE)}
        rows = await store.all_in(self._db, LEASES, _A.network_id, served, _Lease)
        return [
            rpc.DhcpHost(
                network_id=row.network_id,
                mac=row.mac_address,
                ip=row.ip,
                hostname=hostname(row.dns_name, row.ip),
                port_id=row.port_id,
                device_id=row.device_id,
                project_id=row.project_id,
                options=[
                    (str(one["opt_name"]), str(one["opt_value"]), int(one.get("ip_version", 4)))
                    for one in row.extra_dhcp_opts
                    if one.get("opt_value") is not None
                ],
            )
            for row in rows
        ]


def _forward(row: _Forward) -> rpc.WantedForward:
    def span(start: int | None, end: int | None) -> tuple[int, int] | None:
        return None if start is None or end is None else (start, end)

    return rpc.WantedForward(
        floating_ip=row.floating_ip_address,
        protocol=row.protocol,
        fixed_ip=row.internal_ip_address,
        outside=span(row.external_start, row.external_end),
        inside=span(row.internal_start, row.internal_end),
    )


def _subnet(subnet: Subnet) -> rpc.WantedSubnet:
    return rpc.WantedSubnet(
        id=subnet.id,
        cidr=subnet.cidr,
        ip_version=subnet.ip_version,
        gateway_ip=subnet.gateway_ip,
        enable_dhcp=subnet.enable_dhcp,
        dns_nameservers=subnet.dns_nameservers,
        host_routes=[(route.destination, route.nexthop) for route in subnet.host_routes],
        ra_mode=subnet.ipv6_ra_mode,
        address_mode=subnet.ipv6_address_mode,
    )


def _ports(rows: Iterable[_Held]) -> list[_Held]:
    """One of each, with all addresses and groups in their order."""
    found: dict[str, _Held] = {}
    for row in rows:
        port = found.setdefault(row.id, row)
        held = (row.subnet_id, row.ip) if row.subnet_id and row.ip else None
        if held and held not in port.addresses:
            port.addresses.append(held)
        if row.group_id and row.group_id not in port.groups:
            port.groups.append(row.group_id)
    return list(found.values())


def _port(port: HostPort, prefixes: dict[str, int], slow: limits.Limits) -> rpc.WantedPort:
    return rpc.WantedPort(
        id=port.id,
        network_id=port.network_id,
        device=device_name(port),
        mac=port.mac_address,
        owner=port.device_owner,
        device_id=port.device_id,
        addresses=[
            rpc.WantedAddress(subnet_id=subnet_id, ip=ip, prefix=prefixes[subnet_id])
            for subnet_id, ip in port.addresses
            if subnet_id in prefixes
        ],
        admin_up=port.admin_state_up,
        port_security=port.port_security_enabled,
        name=port.name,
        project_id=port.project_id,
        groups=filters.groups_of(port),
        pairs=filters.pairs(port),
        limits=slow[0],
        dscp_mark=slow[1],
    )
