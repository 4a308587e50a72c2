"""Which addresses a port gets: those asked for, or one of each IP version, and those that its guest makes for itself.

Source: Network API reference, Ports, ``fixed_ips``.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv6Network, ip_address, ip_network

import msgspec

from tinstack.core.errors import BadRequest
from tinstack.network.server import ipam, store
from tinstack.network.server.change import Change
from tinstack.network.server.errors import InvalidInput
from tinstack.network.server.ipam import IpAddressGenerationFailure
from tinstack.network.server.rows import ROUTER_OWNERS, Allocation, Network, Port, Subnet

MOST = 5


class InvalidIpForNetwork(BadRequest):
    """400: no subnet of the network has the address."""

    code = "network.ip.network"
    message = "IP address {ip_address} is not a valid IP for any of the subnets on the specified network."


class Fixed(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of ``fixed_ips``: a subnet, an address, or both."""

    subnet_id: str | None = None
    ip_address: str | None = None


async def subnets_of(change: Change, network_id: str, db: store.Reader | None = None) -> list[Subnet]:
    """Oldest first."""
    return await (db or change.tx).all(store.SUBNETS_OF_NETWORK, Subnet, network=network_id)


async def of_port(change: Change, port_id: str) -> list[Allocation]:
    """What a port has."""
    return await change.tx.all(store.ALLOCATIONS_OF_PORT, Allocation, port=port_id)


async def assign(
    change: Change, network: Network, port: Port, wanted: Sequence[Fixed] | None, db: store.Reader | None = None
) -> list[Allocation]:
    """The addresses of a new port on a locked network. ``wanted`` None: chosen; empty: none. ``db``: where to read the subnets.

    Raises InvalidInput, InvalidIpForSubnet, InvalidIpForNetwork, IpAddressAlreadyAllocated, IpAddressGenerationFailure.
    """
    subnets = await subnets_of(change, network.id, db)
    if wanted is None:
        return await _chosen(change, network, port, subnets)
    if not wanted:
        return []
    if len(wanted) > MOST:
        raise InvalidInput(error_message="Exceeded maximum amount of fixed ips per port")
    return await _asked(change, network, port, subnets, wanted)


async def reassign(
    change: Change, network: Network, port: Port, wanted: Sequence[Fixed]
) -> tuple[list[Allocation], bool]:
    """Replace a port's addresses, keeping those that it has and that are asked for; also whether anything changed."""
    subnets = await subnets_of(change, network.id)
    if len(wanted) > MOST:
        raise InvalidInput(error_message="Exceeded maximum amount of fixed ips per port")
    rest = await of_port(change, port.id)
    own = _own(subnets)
    kept: list[Allocation] = []
    new: list[Fixed] = []
    for one in wanted:
        there = next((had for had in rest if _is(one, had)), None)
        if there:
            kept.append(there)
            rest.remove(there)
        else:
            new.append(one)
    if port.device_owner not in ROUTER_OWNERS:
        stay = [had for had in rest if had.subnet_id in own and any(one.subnet_id == had.subnet_id for one in wanted)]
        kept += stay
        rest = [had for had in rest if had not in stay]
    for had in rest:
        await change.tx.run(store.DROP_ALLOCATION, port=port.id, subnet=had.subnet_id, address=had.ip)
    made = await _asked(change, network, port, subnets, new) if new else []
    return [*kept, *made], bool(rest or made)


def _is(one: Fixed, had: Allocation) -> bool:
    if one.ip_address:
        return str(ip_address(one.ip_address)) == had.ip and one.subnet_id in (None, had.subnet_id)
    return one.subnet_id == had.subnet_id


def _own(subnets: Iterable[Subnet]) -> dict[str, Subnet]:
    return {subnet.id: subnet for subnet in subnets if ipam.makes_own_addresses(subnet)}


def _serves(subnet: Subnet, port: Port) -> bool:
    """Subnets that are kept for certain owners give no other port an address by themselves."""
    return not subnet.service_types or any(port.device_owner.startswith(kind) for kind in subnet.service_types)


async def _chosen(change: Change, network: Network, port: Port, subnets: list[Subnet]) -> list[Allocation]:
    """One address of each version, from the first subnet that has one; and all that the guest makes for itself."""
    fit = [subnet for subnet in subnets if _serves(subnet, port)]
    own = _own(fit) if port.device_owner not in ROUTER_OWNERS else {}
    made: list[Allocation] = []
    for version in (4, 6):
        pooled = [subnet for subnet in fit if subnet.ip_version == version and subnet.id not in own]
        if not pooled:
            continue
        for subnet in pooled:
            if found := await ipam.take_any(change, subnet, port.id):
                made.append(found)
                break
        else:
            raise IpAddressGenerationFailure(net_id=network.id)
    return made + [await _self_made(change, subnet, port) for subnet in own.values()]


async def _self_made(change: Change, subnet: Subnet, port: Port) -> Allocation:
    cidr = ip_network(subnet.cidr)
    assert isinstance(cidr, IPv6Network)
    return await ipam.take(change, subnet, port.id, ipam.eui64(cidr, port.mac_address))


async def add_self_made(change: Change, subnet: Subnet, port: Port) -> None:
    """A port that was there before the subnet."""
    await _self_made(change, subnet, port)


async def _asked(
    change: Change, network: Network, port: Port, subnets: list[Subnet], wanted: Sequence[Fixed]
) -> list[Allocation]:
    """Addresses named by the caller before those that may be any, so that the latter don't take the former."""
    plan = [(one, _subnet_of(one, network, subnets)) for one in wanted]
    own = _own(subnets) if port.device_owner not in ROUTER_OWNERS else {}
    named = {subnet.id for _, subnet in plan}
    extra = [subnet for subnet in own.values() if subnet.id not in named and _serves(subnet, port)]
    made: list[Allocation] = []
    for one, subnet in sorted(plan, key=lambda pair: pair[0].ip_address is None):
        if one.ip_address and subnet.id in own:
            raise InvalidInput(
                error_message=f"IPv6 address {one.ip_address} can not be directly assigned to a port on subnet "
                f"{subnet.id} since the subnet is configured for automatic addresses"
            )
        if one.ip_address:
            made.append(await ipam.take(change, subnet, port.id, ip_address(one.ip_address)))
        elif subnet.id in own:
            made.append(await _self_made(change, subnet, port))
        elif found := await ipam.take_any(change, subnet, port.id):
            made.append(found)
        else:
            raise IpAddressGenerationFailure(net_id=network.id)
    had = {one.subnet_id for one in await of_port(change, port.id)} if extra else set()
    return made + [await _self_made(change, subnet, port) for subnet in extra if subnet.id not in had]


def _subnet_of(one: Fixed, network: Network, subnets: list[Subnet]) -> Subnet:
    if one.subnet_id:
        found = next((subnet for subnet in subnets if subnet.id == one.subnet_id), None)
        if found is None:
            raise InvalidInput(
                error_message=f"Failed to create port on network {network.id}, because fixed_ips included invalid "
                f"subnet {one.subnet_id}"
            )
        if one.ip_address and ip_address(one.ip_address) not in ip_network(found.cidr):
            raise ipam.InvalidIpForSubnet(ip_address=one.ip_address)
        return found
    if not one.ip_address:
        raise InvalidInput(error_message="IP allocation requires subnet_id or ip_address")
    ip = ip_address(one.ip_address)
    for subnet in subnets:
        if ip in ip_network(subnet.cidr):
            return subnet
    raise InvalidIpForNetwork(ip_address=one.ip_address)
