"""NDP proxies: inside IPv6 addresses for which a router answers its neighbours outside. Source: Network API reference, NDP proxy.

They are kept and checked; hosts do not answer for them.
"""

from sqlalchemy import bindparam

from tinstack.core.db import prepared
from tinstack.core.errors import Conflict, NotFound
from tinstack.network.server import addresses, ipam, store, store_l3
from tinstack.network.server import tables_l3 as t
from tinstack.network.server.change import Change
from tinstack.network.server.errors import PortNotFound, RouterNotFound
from tinstack.network.server.plain import Plain
from tinstack.network.server.rows import ROUTER_INTERFACE, Allocation, Port, Router, Subnet
from tinstack.network.server.rows_l3 import NdpProxy

_P = t.ndp_proxies.c

OF_ROUTER = prepared(store_l3.ndp_proxies.everything.where(_P.router_id == bindparam("router")).order_by(_P.id))
OF_PORT = prepared(store_l3.ndp_proxies.everything.where(_P.port_id == bindparam("port")).order_by(_P.id))


class NDPProxyNotFound(NotFound):
    code, message = "network.ndp.not_found", "Ndp proxy {id} could not be found."


class RouterGatewayNotValid(Conflict):
    code, message = "network.ndp.gateway", "Can not enable ndp proxy on router {router_id}, {reason}."


class RouterNDPProxyInUse(Conflict):
    code = "network.ndp.in_use"
    message = "Can not disable ndp proxy of router {router_id} or take its gateway away, it still has ndp proxies."


class RouterNDPProxyNotEnable(Conflict):
    code = "network.ndp.disabled"
    message = "The enable_ndp_proxy parameter of router {router_id} must be true to create an ndp proxy on it."


class RouterInterfaceInUseByNDPProxy(Conflict):
    code = "network.ndp.interface"
    message = "The interface of subnet {subnet_id} on router {router_id} can't be removed, it is used by ndp proxies."


class PortUnreachableRouter(Conflict):
    code, message = "network.ndp.unreachable", "The port {port_id} cannot reach the router {router_id} by IPv6 subnet."


class InvalidAddress(Conflict):
    code, message = "network.ndp.address", "The address {address} is invalid, reason: {reason}."


class AddressScopeConflict(Conflict):
    code = "network.ndp.scope"
    message = (
        "The IPv6 address scope of the external network of router {router_id} is not that of the address {address}."
    )


class NDPProxyExists(Conflict):
    code, message = "network.ndp.exists", "Router {router_id} has an ndp proxy for {address} already."


async def scopes_of(change: Change, network_id: str | None) -> set[str]:
    """The IPv6 address scopes of a network's subnets."""
    subnets = await addresses.subnets_of(change, network_id) if network_id else []
    return await _scopes(change, subnets)


async def _scopes(change: Change, subnets: list[Subnet]) -> set[str]:
    pools = await store.by_ids(
        change.tx, store.subnetpools, (one.subnetpool_id for one in subnets if one.ip_version == 6)
    )
    return {pool.address_scope_id for pool in pools.values() if pool.address_scope_id}


async def check_router(change: Change, old: Router | None, new: Router, *, asked: bool) -> None:
    """A new or changed router; ``asked``: to be switched on just now. Raises RouterGatewayNotValid, RouterNDPProxyInUse."""
    used = old is not None and bool(await change.tx.all(OF_ROUTER, NdpProxy, router=new.id))
    if used and (not new.enable_ndp_proxy or new.gateway_network_id is None):
        raise RouterNDPProxyInUse(router_id=new.id)
    if not new.enable_ndp_proxy:
        return
    if new.gateway_network_id is None:
        if not asked:
            new.enable_ndp_proxy = False  # it goes with the gateway
            return
        raise RouterGatewayNotValid(router_id=new.id, reason="the router has no external gateway")
    if not await scopes_of(change, new.gateway_network_id):
        raise RouterGatewayNotValid(router_id=new.id, reason="the external network has no IPv6 address scope")


async def _add(change: Change, row: NdpProxy) -> None:
    """Raises RouterNotFound, PortNotFound and the above."""
    known = await store.ports.get(change.tx, row.port_id)
    if known is None:
        raise PortNotFound(id=row.port_id)
    await ipam.lock_networks(change, known.network_id)
    router, port = await store.routers.get(change.tx, row.router_id), await store.ports.get(change.tx, row.port_id)
    if router is None:
        raise RouterNotFound(id=row.router_id)
    if port is None:
        raise PortNotFound(id=row.port_id)
    if not router.enable_ndp_proxy:
        raise RouterNDPProxyNotEnable(router_id=router.id)
    held = await _reached(change, router, port)
    if row.ip_address:
        held = [one for one in held if one.ip == row.ip_address]
        if not held:
            raise InvalidAddress(address=row.ip_address, reason=f"port {port.id} has no such address by that router")
    if not held:
        raise PortUnreachableRouter(port_id=port.id, router_id=router.id)
    row.ip_address = held[0].ip
    subnet = await store.subnets.get(change.tx, held[0].subnet_id)
    outside = await scopes_of(change, router.gateway_network_id)
    if subnet is None or not (await _scopes(change, [subnet])) & outside:
        raise AddressScopeConflict(router_id=router.id, address=row.ip_address)
    await store.routers.save(change.tx, router, change.now)


async def _reached(change: Change, router: Router, port: Port) -> list[Allocation]:
    """The port's IPv6 addresses of subnets that the router is on."""
    interfaces = await change.tx.all(store.PORTS_OF_OWNER, Port, network=port.network_id, owner=ROUTER_INTERFACE)
    own = await store.allocations(change.tx, [one.id for one in interfaces if one.device_id == router.id])
    subnets = {one.subnet_id for held in own.values() for one in held}
    return [one for one in await addresses.of_port(change, port.id) if ":" in one.ip and one.subnet_id in subnets]


async def check_interface(change: Change, router: Router, subnet: Subnet) -> None:
    """Raises RouterInterfaceInUseByNDPProxy."""
    for row in await change.tx.all(OF_ROUTER, NdpProxy, router=router.id):
        held = await addresses.of_port(change, row.port_id)
        if any(one.ip == row.ip_address and one.subnet_id == subnet.id for one in held):
            raise RouterInterfaceInUseByNDPProxy(subnet_id=subnet.id, router_id=router.id)


async def forget(change: Change, port_id: str, kept: set[str]) -> None:
    """A port that goes, or keeps only some of its addresses, takes its proxies with it."""
    for row in await change.tx.all(OF_PORT, NdpProxy, port=port_id):
        if row.ip_address not in kept:
            await store_l3.ndp_proxies.remove(change.tx, row.id)


def _same(row: NdpProxy) -> NDPProxyExists:
    return NDPProxyExists(router_id=row.router_id, address=row.ip_address)


PROXIES = Plain(store_l3.ndp_proxies, NDPProxyNotFound, same=_same, adding=_add)
