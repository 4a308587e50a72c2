"""Port forwardings: ports of a floating IP that lead to ports inside. Source: Network API reference, Floating IPs port forwarding.

A floating IP either leads to one port as a whole or is shared out by forwardings; all of them go through one router.
"""

from ipaddress import ip_address

from sqlalchemy import bindparam, func, select

from tinstack.core.db import prepared
from tinstack.core.errors import BadRequest, Conflict, NotFound
from tinstack.network.server import addresses, ipam, store, store_l3
from tinstack.network.server import tables_l3 as t
from tinstack.network.server.change import Change
from tinstack.network.server.errors import FloatingIPNotFound, PortNotFound
from tinstack.network.server.floatingips import router_for
from tinstack.network.server.plain import Plain
from tinstack.network.server.rows import DOWN, Allocation, FloatingIp, Port
from tinstack.network.server.rows_l3 import PortForwarding

_P = t.port_forwardings.c

OF_FLOATING = prepared(select(t.port_forwardings).where(_P.floatingip_id == bindparam("floating")))
COUNT_OF_FLOATING = prepared(
    select(func.count()).select_from(t.port_forwardings).where(_P.floatingip_id == bindparam("floating"))
)
PORTLESS = ("icmp", "icmp6")


class PortForwardingNotFound(NotFound):
    code, message = "network.forwarding.not_found", "Port Forwarding {id} could not be found."


class BadPortForwarding(BadRequest):
    """400: as Neutron words it."""

    code, message = "network.forwarding.bad", "Bad port_forwarding request: {msg}."


class FloatingIPPortAlreadyAssociated(Conflict):
    """409: the floating IP leads to a port as a whole."""

    code = "network.forwarding.associated"
    message = "Floating IP {id} is associated with port {port_id}; it can't be used by port forwardings."


class PortHasBindingFloatingIP(Conflict):
    """409: the address inside has a floating IP of its own."""

    code = "network.forwarding.port_bound"
    message = (
        "Cannot create port forwarding to floating IP {address} ({id}) with port {port_id} using fixed IP {fixed_ip}, as that "
        "port already has a binding floating IP."
    )


def _ranges(row: PortForwarding) -> None:
    """Raises BadPortForwarding."""
    both = (row.external_start, row.internal_start)
    if row.protocol in PORTLESS:
        if any(one is not None for one in both):
            raise BadPortForwarding(msg=f"protocol {row.protocol} has no ports")
        return
    if row.external_start is None or row.internal_start is None or row.external_end is None or row.internal_end is None:
        raise BadPortForwarding(msg="an external and an internal port, or a range of them, must be specified")
    if row.external_end < row.external_start or row.internal_end < row.internal_start:
        raise BadPortForwarding(msg="a range of ports must not end before it starts")
    outside, inside = row.external_end - row.external_start, row.internal_end - row.internal_start
    if inside not in (0, outside):
        raise BadPortForwarding(msg="the internal ports must be one, or as many as the external ports")


def _overlap(start: int | None, end: int | None, other_start: int | None, other_end: int | None) -> bool:
    if start is None or end is None or other_start is None or other_end is None:
        return start == other_start
    return start <= other_end and other_start <= end


async def _check_others(change: Change, row: PortForwarding) -> None:
    """No port outside leads to two places, no port inside is reached twice. Raises BadPortForwarding."""
    for other in await change.tx.all(OF_FLOATING, PortForwarding, floating=row.floatingip_id):
        if other.id == row.id or other.protocol != row.protocol:
            continue
        same = other.internal_ip_address == row.internal_ip_address
        if _overlap(row.external_start, row.external_end, other.external_start, other.external_end) or (
            same and _overlap(row.internal_start, row.internal_end, other.internal_start, other.internal_end)
        ):
            raise BadPortForwarding(
                msg=f"A duplicate port forwarding entry with same attributes already exists: {other.id}"
            )


async def _inside(change: Change, row: PortForwarding) -> tuple[Port, Allocation]:
    """The port and its address, on a network that is locked from here on. Raises PortNotFound, BadPortForwarding."""
    known = await store.ports.get(change.tx, row.internal_port_id)
    if known is None:
        raise PortNotFound(id=row.internal_port_id)
    await ipam.lock_networks(change, known.network_id)
    port = await store.ports.get(change.tx, row.internal_port_id)
    if port is None or (port.project_id != row.project_id and port.project_id):
        raise PortNotFound(id=row.internal_port_id)
    held = [one for one in await addresses.of_port(change, port.id) if ":" not in one.ip]
    if not row.internal_ip_address and len(held) == 1:
        row.internal_ip_address = held[0].ip
    if not row.internal_ip_address:
        raise BadPortForwarding(
            msg=f"internal_ip_address must be specified, port {port.id} has {len(held)} IPv4 addresses"
        )
    wanted = str(ip_address(row.internal_ip_address))
    for one in held:
        if one.ip == wanted:
            row.internal_ip_address = wanted
            return port, one
    raise BadPortForwarding(
        msg=f"Requested internal IP address {wanted} is not an IPv4 address of internal port {port.id}"
    )


async def _settle(change: Change, row: PortForwarding) -> None:
    """Check a new or changed row, and give its floating IP a router."""
    _ranges(row)
    port, held = await _inside(change, row)
    floating = await store.floatingips.get(change.tx, row.floatingip_id)
    if floating is None:
        raise FloatingIPNotFound(id=row.floatingip_id)
    if floating.port_id:
        raise FloatingIPPortAlreadyAssociated(id=floating.id, port_id=floating.port_id)
    for other in await change.tx.all(store.FLOATING_OF_PORT, FloatingIp, port=port.id):
        if other.fixed_ip_address == held.ip:
            raise PortHasBindingFloatingIP(
                address=floating.floating_ip_address, id=floating.id, port_id=port.id, fixed_ip=held.ip
            )
    await _check_others(change, row)
    router = await router_for(change, port, held, floating.floating_network_id)
    if floating.router_id not in (None, router.id):
        raise BadPortForwarding(msg=f"the port forwardings of floating IP {floating.id} go through another router")
    row.router_id = floating.router_id = router.id
    await store.floatingips.save(change.tx, floating, change.now)
    change.translated(floating.id, router.host)


async def _change(change: Change, old: PortForwarding, new: PortForwarding) -> None:
    await _settle(change, new)


async def _leave(change: Change, row: PortForwarding) -> None:
    """The floating IP is free of its router when its last forwarding goes."""
    floating = await store.floatingips.get(change.tx, row.floatingip_id)
    if floating is None:
        return
    router = await store.routers.get(change.tx, row.router_id)
    change.host(router.host if router else "")
    if await change.tx.scalar(COUNT_OF_FLOATING, floating=floating.id) == 1:
        floating.router_id, floating.status = None, DOWN
    await store.floatingips.save(change.tx, floating, change.now)


async def forget(change: Change, port_id: str, kept: set[str]) -> None:
    """A port that goes, or keeps only some of its addresses, takes its forwardings with it."""
    for row in await change.tx.all(store_l3.FORWARDINGS_OF_PORT, PortForwarding, port=port_id):
        if row.internal_ip_address not in kept:
            await _leave(change, row)
            await store_l3.port_forwardings.remove(change.tx, row.id)


FORWARDINGS = Plain(
    store_l3.port_forwardings, PortForwardingNotFound, adding=_settle, changing=_change, removing=_leave
)
