"""Addresses of subnets: taken, given back. The unique key (subnet, address) decides; the network's lock orders takers."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import msgspec
from sqlalchemy import and_, bindparam, select

from tinstack.core.db import Duplicate, prepared
from tinstack.core.errors import BadRequest, Conflict
from tinstack.network.server import gaps, store
from tinstack.network.server import tables as t
from tinstack.network.server.change import Change
from tinstack.network.server.errors import NetworkNotFound, SubnetNotFound
from tinstack.network.server.rows import Allocation, Subnet

Ip = IPv4Address | IPv6Address
Net = IPv4Network | IPv6Network

_A, _C = t.allocations.c, t.cursors.c

TAKEN = prepared(
    select(_A.key)
    .where(_A.subnet_id == bindparam("subnet"), _A.key >= bindparam("low"), _A.key <= bindparam("high"))
    .order_by(_A.key)
    .limit(bindparam("most"))
)


class IpAddressAlreadyAllocated(Conflict):
    """409: another port has the address."""

    code, message = "network.ip.allocated", "IP address {ip} already allocated in subnet {subnet_id}"


class IpAddressGenerationFailure(Conflict):
    """409: the pools are used up."""

    code, message = "network.ip.exhausted", "No more IP addresses available on network {net_id}."


class InvalidIpForSubnet(BadRequest):
    """400: outside the subnet, or its network or broadcast address."""

    code, message = "network.ip.subnet", "IP address {ip_address} is not a valid IP for the specified subnet."


class _Key(msgspec.Struct, frozen=True):
    key: str


NEAR = prepared(
    select(_C.next, _A.key)
    .outerjoin(t.allocations, and_(_A.subnet_id == _C.name, _A.key >= _C.next))
    .where(_C.name == bindparam("subnet"))
    .order_by(_A.key)
    .limit(gaps.FIRST_LOOK)
)
"""Where the next search begins, and the first addresses from there on that are taken."""


class _Near(msgspec.Struct, frozen=True):
    next: str
    key: str | None


async def lock_networks(change: Change, *network_ids: str | None) -> None:
    """Changes of a network's ports and subnets come one after another. Raises NetworkNotFound."""
    for network_id in sorted({id for id in network_ids if id}):
        if not await gaps.lock(change.tx, network_id):
            raise NetworkNotFound(id=network_id)


def ranges(subnet: Subnet) -> list[gaps.Range]:
    """The pools as numbers."""
    return [(int(ip_address(pool.start)), int(ip_address(pool.end))) for pool in subnet.allocation_pools]


async def take_any(change: Change, subnet: Subnet, port_id: str) -> Allocation | None:
    """A free address of the pools of a subnet on a locked network; None where there is none."""
    near = await change.tx.all(NEAR, _Near, subnet=subnet.id)
    if not near:
        raise SubnetNotFound(id=subnet.id)
    start = int(near[0].next, 16)
    seen = [int(one.key, 16) for one in near if one.key]

    async def used(low: int, high: int, most: int) -> Sequence[int]:
        if most == gaps.FIRST_LOOK and low >= start and (len(seen) < most or low <= seen[0]):
            return [number for number in seen if low <= number <= high]
        rows = await change.tx.all(
            TAKEN, _Key, subnet=subnet.id, low=gaps.key_of(low), high=gaps.key_of(high), most=most
        )
        return [int(row.key, 16) for row in rows]

    number = await gaps.take(change.tx, subnet.id, ranges(subnet), used, start)
    if number is None:
        return None
    ip = IPv6Address(number) if subnet.ip_version == 6 else IPv4Address(number)
    return await _insert(change, subnet, port_id, ip)


async def take(change: Change, subnet: Subnet, port_id: str, ip: Ip) -> Allocation:
    """That address. Raises IpAddressAlreadyAllocated, InvalidIpForSubnet."""
    if not usable(ip, ip_network(subnet.cidr)):
        raise InvalidIpForSubnet(ip_address=ip)
    return await _insert(change, subnet, port_id, ip)


async def _insert(change: Change, subnet: Subnet, port_id: str, ip: Ip) -> Allocation:
    made = Allocation(
        subnet_id=subnet.id, key=gaps.key_of(int(ip)), ip=str(ip), port_id=port_id, network_id=subnet.network_id
    )
    try:
        await change.tx.run(store.ADD_ALLOCATION, **msgspec.structs.asdict(made))
    except Duplicate as error:
        raise IpAddressAlreadyAllocated(ip=ip, subnet_id=subnet.id) from error
    return made


def usable(ip: Ip, cidr: Net) -> bool:
    """May a port have it: inside, and neither the network's own nor its broadcast address?"""
    if ip.version != cidr.version or ip not in cidr:
        return False
    if cidr.prefixlen >= cidr.max_prefixlen - 1:
        return True
    return ip != cidr.network_address and (ip.version == 6 or ip != cidr.broadcast_address)


def eui64(cidr: IPv6Network, mac: str) -> IPv6Address:
    """The address that a host makes for itself from its MAC (RFC 4291, appendix A)."""
    parts = [int(part, 16) for part in mac.split(":")]
    parts[0] ^= 0x02
    low = bytes([*parts[:3], 0xFF, 0xFE, *parts[3:]])
    return IPv6Address(int(cidr.network_address) | int.from_bytes(low))


def makes_own_addresses(subnet: Subnet) -> bool:
    """Whether guests of the subnet choose their address (SLAAC), so that ports get the one that they will choose."""
    return subnet.ipv6_address_mode in ("slaac", "dhcpv6-stateless")
