"""Floating IPs: an address of an external network, translated by a router to a port's. Source: API reference, Floating IPs."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
from msgspec.structs import replace

from tinstack.core.db import Duplicate
from tinstack.core.errors import BadRequest, Conflict, NotFound
from tinstack.network.server import addresses, events, ipam, own_ports, store, store_l3
from tinstack.network.server.addresses import Fixed
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.errors import FloatingIPNotFound, PortNotFound, RouterNotFound
from tinstack.network.server.quotas import Quotas
from tinstack.network.server.revisions import expect
from tinstack.network.server.rows import (
    DOWN,
    FLOATING_IP,
    ROUTER_INTERFACE,
    Allocation,
    FloatingIp,
    Network,
    Port,
    Router,
)
from tinstack.network.server.rows_l3 import PortForwarding


class BadFloatingRequest(BadRequest):
    """400: as Neutron words it."""

    code, message = "network.floatingip.bad_request", "Bad floatingip request: {msg}."


class FloatingIPPortAlreadyAssociated(Conflict):
    code = "network.floatingip.associated"
    message = (
        "Cannot associate floating IP {address} ({fip_id}) with port {port_id} using fixed IP {fixed_ip}, as that fixed "
        "IP already has a floating IP on external network {net_id}."
    )


class ExternalGatewayForFloatingIPNotFound(NotFound):
    code = "network.floatingip.unreachable"
    message = (
        "External network {external_network_id} is not reachable from subnet {subnet_id}. Therefore, cannot associate "
        "Port {port_id} with a Floating IP."
    )


class PortHasPortForwarding(Conflict):
    """409: forwardings of another floating IP lead to the address."""

    code = "network.floatingip.port_forwards"
    message = "Cannot associate a floating IP with port {port_id} using fixed IP {fixed_ip}, as that port has port forwardings."


class RouterNotOnFloatingNetwork(Conflict):
    """409: the floating IP's network is another one than that of the router's gateway."""

    code, message = "network.floatingip.router", "Router {router_id} has no gateway to the external network {net_id}."


class FipInUseByPortForwarding(Conflict):
    """409: port forwardings share the address out."""

    code, message = "network.floatingip.forwards", "Floating IP {id} in use by Port Forwarding resources."


class Asked(msgspec.Struct, kw_only=True):
    """A floating IP as asked for."""

    floatingip: FloatingIp
    subnet_id: str | None = None
    address: str | None = None
    target: "Target | None" = None


class Target(NamedTuple):
    """The port, which of its addresses (None: its only one), and by which router (None: the one that its subnet is on)."""

    port_id: str
    fixed_ip: str | None
    router_id: str | None = None


class FloatingIps:
    """The rules."""

    def __init__(self, changes: Changes, quotas: Quotas) -> None:
        self._changes, self._quotas = changes, quotas

    async def _network_of(self, port_id: str) -> str:
        port = await store.ports.get(self._changes.database, port_id)
        if port is None:
            raise PortNotFound(id=port_id)
        return port.network_id

    async def create(self, asked: Asked) -> FloatingIp:
        """Raises OverQuota, BadFloatingRequest and what association does."""
        inside = await self._network_of(asked.target.port_id) if asked.target else None

        async def work(change: Change) -> FloatingIp:
            made = replace(asked.floatingip, id=str(uuid4()), created_at=change.now, updated_at=change.now)
            await self._quotas.take(change.tx, made.project_id, "floatingip")
            await ipam.lock_networks(change, made.floating_network_id, inside)
            network = await store.networks.get(change.tx, made.floating_network_id)
            if network is None or not network.external:
                raise BadFloatingRequest(msg=f"Network {made.floating_network_id} is not a valid external network")
            await self._take_address(change, made, network, asked)
            if asked.target:
                await self._associate(change, made, asked.target)
            try:
                await store.floatingips.add(change.tx, made)
            except Duplicate as error:
                raise _already(made) from error
            return made

        return await self._changes.run(work)

    @staticmethod
    async def _take_address(change: Change, floatingip: FloatingIp, network: Network, asked: Asked) -> None:
        subnets = [one for one in await addresses.subnets_of(change, network.id) if one.ip_version == 4]
        if not subnets:
            raise BadFloatingRequest(msg=f"Network {network.id} does not contain any IPv4 subnet")
        if asked.address or asked.subnet_id:
            wanted = [[Fixed(subnet_id=asked.subnet_id, ip_address=asked.address)]]
        else:
            wanted = [[Fixed(subnet_id=one.id)] for one in subnets]
        for place, fixed in enumerate(wanted):
            try:
                port, made = await own_ports.make(change, network, FLOATING_IP, floatingip.id, "", fixed)
            except ipam.IpAddressGenerationFailure:
                if place == len(wanted) - 1:
                    raise
                continue
            floatingip.floating_port_id, floatingip.floating_ip_address = port.id, made[0].ip
            return

    async def _associate(self, change: Change, floatingip: FloatingIp, target: Target) -> None:
        """To a port of a locked network. The row is saved by the caller."""
        port = await store.ports.get(change.tx, target.port_id)
        if port is None:
            raise PortNotFound(id=target.port_id)
        if port.project_id != floatingip.project_id and port.project_id:
            raise BadFloatingRequest(
                msg=f"Port {port.id} is associated with a different tenant than Floating IP {floatingip.id} and "
                "therefore cannot be bound"
            )
        held = _address_of(port, await addresses.of_port(change, port.id), target.fixed_ip)
        for other in await change.tx.all(store.FLOATING_OF_PORT, FloatingIp, port=port.id):
            if other.fixed_ip_address == held.ip and other.id != floatingip.id:
                raise FloatingIPPortAlreadyAssociated(
                    address=floatingip.floating_ip_address,
                    fip_id=floatingip.id,
                    port_id=port.id,
                    fixed_ip=held.ip,
                    net_id=floatingip.floating_network_id,
                )
        for row in await change.tx.all(store_l3.FORWARDINGS_OF_PORT, PortForwarding, port=port.id):
            if row.internal_ip_address == held.ip:
                raise PortHasPortForwarding(port_id=port.id, fixed_ip=held.ip)
        if target.router_id:
            router = await _named_router(change, target.router_id, floatingip)
        else:
            router = await router_for(change, port, held, floatingip.floating_network_id)
        floatingip.port_id, floatingip.fixed_ip_address, floatingip.router_id = port.id, held.ip, router.id
        floatingip.status = DOWN
        if router.host:
            change.translated(floatingip.id, router.host)
        for event in events.of_port(events.CHANGED, port):
            change.event(event)

    async def update(
        self, id: str, revision: int | None, *, changes: Mapping[str, Any], target: Target | None, retarget: bool
    ) -> FloatingIp:
        """``retarget``: the port is part of the change (None: disassociated). Raises FloatingIPNotFound and many."""
        inside = await self._network_of(target.port_id) if target else None

        async def work(change: Change) -> FloatingIp:
            await ipam.lock_networks(change, inside)
            old = await store.floatingips.get(change.tx, id)
            if old is None:
                raise FloatingIPNotFound(id=id)
            expect(old, revision)
            row = replace(old, **changes)
            if retarget and _differs(row, target):
                await _check_whole(change, row)
                await self._dissociate(change, row)
                if target:
                    await self._associate(change, row, target)
            try:
                await store.floatingips.save(change.tx, row, change.now)
            except Duplicate as error:
                raise _already(row) from error
            return row

        return await self._changes.run(work)

    @staticmethod
    async def _dissociate(change: Change, floatingip: FloatingIp) -> None:
        router = await store.routers.get(change.tx, floatingip.router_id)
        change.host(router.host if router else "")
        port = await store.ports.get(change.tx, floatingip.port_id)
        for event in events.of_port(events.CHANGED, port) if port else []:
            change.event(event)
        floatingip.port_id = floatingip.fixed_ip_address = floatingip.router_id = None
        floatingip.status = DOWN

    async def delete(self, id: str, revision: int | None) -> None:
        """Raises FloatingIPNotFound."""
        known = await store.floatingips.get(self._changes.database, id)
        if known is None:
            raise FloatingIPNotFound(id=id)

        async def work(change: Change) -> None:
            await ipam.lock_networks(change, known.floating_network_id)
            row = await store.floatingips.get(change.tx, id)
            if row is None:
                raise FloatingIPNotFound(id=id)
            expect(row, revision)
            await _check_whole(change, row)
            await self._dissociate(change, row)
            await store.floatingips.remove(change.tx, id)
            port = await store.ports.get(change.tx, row.floating_port_id)
            if port is not None:
                await own_ports.remove(change, port)

        await self._changes.run(work)


async def router_for(change: Change, port: Port, held: Allocation, external: str) -> Router:
    """The router between the port's subnet and the external network; the subnet's own gateway before others.

    Raises ExternalGatewayForFloatingIPNotFound.
    """
    interfaces = await change.tx.all(store.PORTS_OF_OWNER, Port, network=port.network_id, owner=ROUTER_INTERFACE)
    own = await store.allocations(change.tx, [one.id for one in interfaces])
    subnet = await store.subnets.get(change.tx, held.subnet_id)
    gateway = subnet.gateway_ip if subnet else None
    on = [one for one in interfaces if any(had.subnet_id == held.subnet_id for had in own[one.id])]
    on.sort(key=lambda one: all(had.ip != gateway for had in own[one.id]))
    routers = await store.by_ids(change.tx, store.routers, (one.device_id for one in on))
    for one in on:
        router = routers.get(one.device_id)
        if router and router.gateway_network_id == external:
            return router
    raise ExternalGatewayForFloatingIPNotFound(external_network_id=external, subnet_id=held.subnet_id, port_id=port.id)


async def _named_router(change: Change, id: str, floatingip: FloatingIp) -> Router:
    """A router of the caller's choice. Raises RouterNotFound, RouterNotOnFloatingNetwork."""
    router = await store.routers.get(change.tx, id)
    if router is None or router.project_id != floatingip.project_id:
        raise RouterNotFound(id=id)
    if router.gateway_network_id != floatingip.floating_network_id:
        raise RouterNotOnFloatingNetwork(router_id=id, net_id=floatingip.floating_network_id)
    return router


async def _check_whole(change: Change, row: FloatingIp) -> None:
    """Raises FipInUseByPortForwarding."""
    if (await store_l3.forwardings_of(change.tx, [row.id]))[row.id]:
        raise FipInUseByPortForwarding(id=row.id)


def _differs(row: FloatingIp, target: Target | None) -> bool:
    if target is None:
        return row.port_id is not None
    same = row.port_id == target.port_id and row.fixed_ip_address == target.fixed_ip
    return not same or target.router_id not in (None, row.router_id)


def _already(row: FloatingIp) -> FloatingIPPortAlreadyAssociated:
    return FloatingIPPortAlreadyAssociated(
        address=row.floating_ip_address,
        fip_id=row.id,
        port_id=row.port_id,
        fixed_ip=row.fixed_ip_address,
        net_id=row.floating_network_id,
    )


def _address_of(port: Port, held: Iterable[Allocation], wanted: str | None) -> Allocation:
    """The address that is meant. Raises BadFloatingRequest."""
    usable = [one for one in held if ":" not in one.ip]
    if wanted is not None:
        for one in usable:
            if one.ip == str(ip_address(wanted)):
                return one
        raise BadFloatingRequest(msg=f"Port {port.id} does not have fixed ip {wanted}")
    if not usable:
        raise BadFloatingRequest(msg=f"Cannot add floating IP to port {port.id} that has no fixed IPv4 addresses")
    if len(usable) > 1:
        raise BadFloatingRequest(
            msg=f"Port {port.id} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when "
            "assigning a floating IP"
        )
    return usable[0]
