"""Routers: gateway, interfaces, routes; each is made on one host. Source: Network API reference, Routers."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import bindparam, func, select

from tinstack.core.db import prepared
from tinstack.network.server import addresses, ipam, ndp, own_ports, scheduling, store, store_l3
from tinstack.network.server import tables as t
from tinstack.network.server.addresses import Fixed
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.config import Config
from tinstack.network.server.errors import NetworkNotFound, PortNotFound, RouterNotFound, SubnetNotFound
from tinstack.network.server.quotas import Quotas
from tinstack.network.server.revisions import expect
from tinstack.network.server.router_errors import (
    BadRouterRequest,
    InvalidRoutes,
    PortInUse,
    RouterExternalGatewayInUseByFloatingIp,
    RouterInterfaceInUseByFloatingIP,
    RouterInterfaceInUseByRoute,
    RouterInterfaceNotFound,
    RouterInterfaceNotFoundForSubnet,
    RouterInUse,
    SubnetMismatchForPort,
)
from tinstack.network.server.rows import (
    ROUTER_GATEWAY,
    ROUTER_INTERFACE,
    FloatingIp,
    Network,
    Port,
    Route,
    Router,
    Subnet,
)

_F, _A = t.floatingips.c, t.allocations.c

FLOATING_ON = prepared(
    select(func.count())
    .select_from(t.floatingips)
    .where(_F.router_id == bindparam("router"), _F.floating_network_id == bindparam("network"))
)
FLOATING_BEHIND = prepared(
    select(func.count())
    .select_from(t.floatingips.join(t.allocations, (_A.port_id == _F.port_id) & (_A.ip == _F.fixed_ip_address)))
    .where(_F.router_id == bindparam("router"), _A.subnet_id == bindparam("subnet"))
)


def check_distribution(old: Router, new: Router) -> None:
    """A router that is up stays distributed or central. Raises BadRouterRequest."""
    if old.distributed != new.distributed and old.admin_state_up and new.admin_state_up:
        verb, kind = ("upgrade", "distributed") if new.distributed else ("migrate", "centralized")
        raise BadRouterRequest(
            msg=f"Cannot {verb} active router to {kind}. Please set router admin_state_up to False prior to {verb}"
        )


class GatewayWanted(msgspec.Struct, kw_only=True):
    """``external_gateway_info``. ``enable_snat`` None: as it is (or on); ``qos`` likewise where unset."""

    network_id: str
    enable_snat: bool | None = None
    fixed: list[Fixed] | None = None
    qos: str | msgspec.UnsetType | None = msgspec.UNSET


class Interface(msgspec.Struct, kw_only=True):
    """What adding or removing an interface answers."""

    router: Router
    port: Port
    subnet_ids: list[str]


class _At(msgspec.Struct, kw_only=True):
    """A port of a router with one of its subnets."""

    port: Port
    subnet: Subnet
    ip: str


class Routers:
    """The rules."""

    def __init__(self, config: Config, changes: Changes, quotas: Quotas) -> None:
        self.config, self._changes, self._quotas = config, changes, quotas

    async def create(self, router: Router, gateway: GatewayWanted | None) -> Router:
        """Raises OverQuota and what setting a gateway does."""

        async def work(change: Change) -> Router:
            made = replace(router, created_at=change.now, updated_at=change.now)
            await self._quotas.take(change.tx, made.project_id, "router")
            await ipam.lock_networks(change, gateway.network_id if gateway else None)
            await store.routers.add(change.tx, made)
            if gateway:
                await self.set_gateway(change, made, gateway)
                await store.routers.save(change.tx, made, change.now)
            await ndp.check_router(change, None, made, asked=True)
            return made

        return await self._changes.run(work)

    async def get(self, change: Change, id: str, revision: int | None = None) -> Router:
        """Raises RouterNotFound, RevisionNumberConstraintFailed."""
        router = await store.routers.get(change.tx, id)
        if router is None:
            raise RouterNotFound(id=id)
        expect(router, revision)
        return router

    async def networks_of(self, id: str) -> set[str]:
        """The networks that a router is on, to be locked before it is changed."""
        ports = await self._changes.database.all(store.PORTS_OF_DEVICE, Port, device=id)
        return {port.network_id for port in ports}

    async def update(
        self, id: str, changes: Mapping[str, Any], revision: int | None, gateway: GatewayWanted | None, *, regate: bool
    ) -> Router:
        """``regate``: the gateway is part of the change (None: cleared). Raises RouterNotFound and many."""
        networks = await self.networks_of(id)

        async def work(change: Change) -> Router:
            await ipam.lock_networks(change, *networks, gateway.network_id if gateway else None)
            old = await self.get(change, id, revision)
            router = replace(old, **changes)
            check_distribution(old, router)
            if regate:
                await self.set_gateway(change, router, gateway)
            await ndp.check_router(change, old, router, asked=bool(changes.get("enable_ndp_proxy")))
            if "routes" in changes:
                await self._check_routes(change, router)
            change.host(router.host)
            await store.routers.save(change.tx, router, change.now)
            return router

        return await self._changes.run(work)

    async def change_routes(self, id: str, routes: Sequence[Route], *, add: bool) -> Router:
        """Add or remove some of the routes at once. Raises RouterNotFound, InvalidRoutes."""

        async def work(change: Change) -> Router:
            router = await self.get(change, id)
            rest = [one for one in router.routes if one not in routes]
            router.routes = [*rest, *dict.fromkeys(routes)] if add else rest
            await self._check_routes(change, router)
            change.host(router.host)
            await store.routers.save(change.tx, router, change.now)
            return router

        return await self._changes.run(work)

    async def _check_routes(self, change: Change, router: Router) -> None:
        """Each next hop is in a network that the router is on, and no port of its own."""
        here = await self._at(change, router)
        for route in router.routes:
            hop = ip_address(route.nexthop)
            if hop.version != ip_network(route.destination, strict=False).version:
                raise InvalidRoutes(routes=route.destination, reason="destination and nexthop differ in IP version")
            if not any(hop in ip_network(one.subnet.cidr) for one in here):
                raise InvalidRoutes(routes=route.nexthop, reason="the nexthop is not connected with router")
            if any(one.ip == str(hop) for one in here):
                raise InvalidRoutes(routes=route.nexthop, reason="the nexthop is used by router")

    async def _at(self, change: Change, router: Router) -> list[_At]:
        ports = await change.tx.all(store.PORTS_OF_DEVICE, Port, device=router.id)
        held = await store.allocations(change.tx, [port.id for port in ports])
        subnets = await store.by_ids(
            change.tx, store.subnets, (one.subnet_id for list_ in held.values() for one in list_)
        )
        return [_At(port=port, subnet=subnets[one.subnet_id], ip=one.ip) for port in ports for one in held[port.id]]

    async def set_gateway(self, change: Change, router: Router, wanted: GatewayWanted | None) -> None:
        """Change the gateway of ``router`` (its row is saved by the caller)."""
        old = await store.ports.get(change.tx, router.gateway_port_id)
        if wanted is None or wanted.network_id != router.gateway_network_id:
            there = await change.tx.all(store.PORTS_OF_DEVICE, Port, device=router.id) if wanted is None else [old]
            for port in there:
                if port is not None and port.device_owner == ROUTER_GATEWAY:
                    await self._clear_gateway(change, router, port)
            old = None
        if wanted is None:
            router.gateway_qos_policy_id = None
            return
        if wanted.qos is not msgspec.UNSET:
            router.gateway_qos_policy_id = wanted.qos
        if wanted.enable_snat is not None:
            router.enable_snat = wanted.enable_snat
        network = await store.networks.get(change.tx, wanted.network_id)
        if network is None:
            raise NetworkNotFound(id=wanted.network_id)
        if not network.external:
            raise BadRouterRequest(msg=f"Network {network.id} is not an external network")
        await self._schedule(change, router)
        if old is None:
            await self._make_gateway(change, router, network, wanted.fixed)
        elif wanted.fixed is not None:
            _, moved = await addresses.reassign(change, network, old, wanted.fixed)
            if moved:
                change.placed(old.id)
        change.host(router.host)

    async def _make_gateway(self, change: Change, router: Router, network: Network, fixed: list[Fixed] | None) -> None:
        await self.check_overlap(change, router, await addresses.subnets_of(change, network.id), gateways=False)
        port, _ = await own_ports.make(change, network, ROUTER_GATEWAY, router.id, router.host, fixed)
        router.gateway_network_id, router.gateway_port_id = network.id, port.id

    async def _clear_gateway(self, change: Change, router: Router, port: Port) -> None:
        if await change.tx.scalar(FLOATING_ON, router=router.id, network=port.network_id):
            raise RouterExternalGatewayInUseByFloatingIp(router_id=router.id, net_id=port.network_id)
        await own_ports.remove(change, port)
        if port.id == router.gateway_port_id:
            router.gateway_network_id = router.gateway_port_id = None
        change.host(router.host)

    async def drop_gateway(self, change: Change, router: Router, port: Port) -> None:
        """One of several; the next takes the place of the first. Raises RouterExternalGatewayInUseByFloatingIp."""
        there = await change.tx.all(store.PORTS_OF_DEVICE, Port, device=router.id)
        rest = [one for one in there if one.device_owner == ROUTER_GATEWAY and one.id != port.id]
        if any(one.network_id == port.network_id for one in rest):
            await own_ports.remove(change, port)
        else:
            await self._clear_gateway(change, router, port)
        if rest and router.gateway_port_id in (None, port.id):
            router.gateway_network_id, router.gateway_port_id = rest[0].network_id, rest[0].id
        change.host(router.host)

    async def _schedule(self, change: Change, router: Router) -> None:
        if not router.host:
            router.host = await scheduling.host_for(change, self.config, scheduling.L3)
            router.parked = False
            for port in await change.tx.all(store.PORTS_OF_DEVICE, Port, device=router.id):
                await own_ports.move(change, port, router.host)

    async def check_overlap(
        self, change: Change, router: Router, subnets: Sequence[Subnet], *, gateways: bool = True
    ) -> None:
        """``gateways``: whether they are looked at, beside the interfaces. Raises BadRouterRequest."""
        here = await self._at(change, router)
        for one in (one for one in here if gateways or one.port.device_owner != ROUTER_GATEWAY):
            for subnet in subnets:
                if one.subnet.id == subnet.id:
                    raise BadRouterRequest(msg=f"Router already has a port on subnet {subnet.id}")
                if ip_network(one.subnet.cidr).overlaps(ip_network(subnet.cidr)):
                    raise BadRouterRequest(
                        msg=f"Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr {one.subnet.cidr} of subnet {one.subnet.id}"
                    )

    async def add_subnet(self, id: str, subnet: Subnet, project_id: str) -> Interface:
        """An interface with the subnet's gateway address. Raises RouterNotFound, BadRouterRequest, address errors."""

        networks = await self.networks_of(id)

        async def work(change: Change) -> Interface:
            await ipam.lock_networks(change, subnet.network_id, *networks)
            router = await self.get(change, id)
            network = await store.networks.get(change.tx, subnet.network_id)
            now = await store.subnets.get(change.tx, subnet.id)
            if network is None or now is None:
                raise SubnetNotFound(id=subnet.id)
            if now.gateway_ip is None:
                raise BadRouterRequest(msg="Subnet for router interface must have a gateway IP")
            await self.check_overlap(change, router, [now])
            await self._schedule(change, router)
            if now.ip_version == 6 and (port := await self._port_of_v6(change, router, network)):
                had = await addresses.of_port(change, port.id)
                fixed = [Fixed(subnet_id=one.subnet_id, ip_address=one.ip) for one in had]
                await addresses.reassign(
                    change, network, port, [*fixed, Fixed(subnet_id=now.id, ip_address=now.gateway_ip)]
                )
                change.placed(port.id)
                await change.port(port, port.binding_host)
            else:
                wanted = [Fixed(subnet_id=now.id, ip_address=now.gateway_ip)]
                port, _ = await own_ports.make(
                    change, network, ROUTER_INTERFACE, router.id, router.host, wanted, project_id=project_id
                )
            return await self._done(change, router, port, [now.id])

        return await self._changes.run(work)

    async def _port_of_v6(self, change: Change, router: Router, network: Network) -> Port | None:
        """All IPv6 subnets of a network share one interface."""
        for one in await self._at(change, router):
            if one.port.network_id == network.id and one.subnet.ip_version == 6:
                return one.port
        return None

    async def _done(self, change: Change, router: Router, port: Port, subnet_ids: list[str]) -> Interface:
        change.host(router.host)
        await store.routers.save(change.tx, router, change.now)
        return Interface(router=router, port=port, subnet_ids=subnet_ids)

    async def add_port(self, id: str, port_id: str) -> Interface:
        """A port that is there becomes an interface. Raises PortInUse, BadRouterRequest, RouterNotFound, PortNotFound."""
        known = await store.ports.get(self._changes.database, port_id)
        if known is None:
            raise PortNotFound(id=port_id)
        networks = await self.networks_of(id)

        async def work(change: Change) -> Interface:
            await ipam.lock_networks(change, known.network_id, *networks)
            router, port = await self.get(change, id), await store.ports.get(change.tx, port_id)
            if port is None:
                raise PortNotFound(id=port_id)
            if port.device_id:
                raise PortInUse(port_id=port.id, net_id=port.network_id, device_id=port.device_id)
            held = await addresses.of_port(change, port.id)
            if not held:
                raise BadRouterRequest(msg="Router port must have at least one fixed IP")
            subnets = list((await store.by_ids(change.tx, store.subnets, (one.subnet_id for one in held))).values())
            if sum(subnet.ip_version == 4 for subnet in subnets) > 1:
                raise BadRouterRequest(msg="Cannot have multiple IPv4 subnets on router port")
            await self.check_overlap(change, router, subnets)
            await self._schedule(change, router)
            port.device_id, port.device_owner = router.id, ROUTER_INTERFACE
            port.port_security_enabled, port.allowed_address_pairs = False, []
            await change.members_of(port.id)
            await change.tx.run(store.DROP_PORT_GROUPS, port=port.id)
            await own_ports.move(change, port, router.host)
            return await self._done(change, router, port, [subnet.id for subnet in subnets])

        return await self._changes.run(work)

    async def remove_interface(self, id: str, subnet_id: str | None, port_id: str | None) -> Interface:
        """Raises RouterInterface…, SubnetMismatchForPort."""
        networks = await self.networks_of(id)

        async def work(change: Change) -> Interface:
            await ipam.lock_networks(change, *networks)
            router = await self.get(change, id)
            here = [one for one in await self._at(change, router) if one.port.device_owner == ROUTER_INTERFACE]
            found = [one for one in here if port_id in (None, one.port.id) and subnet_id in (None, one.subnet.id)]
            if not found:
                if port_id and any(one.port.id == port_id for one in here):
                    raise SubnetMismatchForPort(port_id=port_id, subnet_id=subnet_id)
                if port_id:
                    raise RouterInterfaceNotFound(router_id=id, port_id=port_id)
                raise RouterInterfaceNotFoundForSubnet(router_id=id, subnet_id=subnet_id)
            for one in found:
                await self._check_unused(change, router, one.subnet)
            port = found[0].port
            rest = [one for one in here if one.port.id == port.id and one not in found]
            if rest:
                kept = [Fixed(subnet_id=one.subnet.id, ip_address=one.ip) for one in rest]
                network = await store.networks.get(change.tx, port.network_id)
                assert network, "a port's network is there"
                await addresses.reassign(change, network, port, kept)
                await change.port(port, port.binding_host)
            else:
                await own_ports.remove(change, port)
            return await self._done(change, router, port, [one.subnet.id for one in found])

        return await self._changes.run(work)

    @staticmethod
    async def _check_unused(change: Change, router: Router, subnet: Subnet) -> None:
        if await change.tx.scalar(FLOATING_BEHIND, router=router.id, subnet=subnet.id):
            raise RouterInterfaceInUseByFloatingIP(router_id=router.id, subnet_id=subnet.id)
        if await change.tx.scalar(store_l3.FORWARDINGS_BEHIND, router=router.id, subnet=subnet.id):
            raise RouterInterfaceInUseByFloatingIP(router_id=router.id, subnet_id=subnet.id)
        await ndp.check_interface(change, router, subnet)
        cidr = ip_network(subnet.cidr)
        if any(ip_address(route.nexthop) in cidr for route in router.routes):
            raise RouterInterfaceInUseByRoute(router_id=router.id, subnet_id=subnet.id)

    async def delete(self, id: str, revision: int | None) -> None:
        """Raises RouterNotFound, RouterInUse, RouterExternalGatewayInUseByFloatingIp."""
        networks = await self.networks_of(id)

        async def work(change: Change) -> None:
            await ipam.lock_networks(change, *networks)
            router = await self.get(change, id, revision)
            change.host(router.host)
            for port in await change.tx.all(store.PORTS_OF_DEVICE, Port, device=id):
                if port.device_owner == ROUTER_INTERFACE:
                    raise RouterInUse(router_id=id)
                if port.device_owner == ROUTER_GATEWAY:
                    await self._clear_gateway(change, router, port)
            if await change.tx.one(store.FLOATING_OF_ROUTER, FloatingIp, router=id):
                raise RouterInUse(router_id=id)
            await store.routers.save(change.tx, router, change.now)
            await change.tx.run(store_l3.DROP_HELPERS_OF_ROUTER, router=id)
            await store.routers.remove(change.tx, id)

        await self._changes.run(work)
