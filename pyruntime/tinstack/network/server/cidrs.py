"""What a subnet may be: prefix, gateway, pools, modes. Pure functions. Source: Network API reference, Subnets."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from itertools import pairwise

from tinstack.core.errors import BadRequest, Conflict
from tinstack.network.server import ipam
from tinstack.network.server.errors import InvalidInput
from tinstack.network.server.rows import Pool, Subnet

SLAAC_PREFIX = 64


class InvalidAllocationPool(BadRequest):
    code, message = "network.pool.invalid", "The allocation pool {pool} is not valid."


class OutOfBoundsAllocationPool(BadRequest):
    code, message = "network.pool.outside", "The allocation pool {pool} spans beyond the subnet cidr {subnet_cidr}."


class OverlappingAllocationPools(Conflict):
    code = "network.pool.overlap"
    message = "Found overlapping allocation pools: {pool_1} {pool_2} for subnet {subnet_cidr}."


class GatewayConflictWithAllocationPools(Conflict):
    code = "network.pool.gateway"
    message = "Gateway ip {ip_address} conflicts with allocation pool {pool}."


def default_gateway(cidr: ipam.Net) -> str:
    """The first address; of networks of one or two addresses the very first."""
    first = cidr.network_address
    return str(first if cidr.num_addresses <= 2 else first + 1)


def default_pools(cidr: ipam.Net, gateway: str | None) -> list[Pool]:
    """All that a port may have, but the gateway."""
    low, high = int(cidr.network_address), int(cidr.broadcast_address)
    if cidr.num_addresses > 2:
        low += 1
        high -= 1 if cidr.version == 4 else 0
    parts = [(low, high)]
    if gateway and (ip := ip_address(gateway)) in cidr and low <= int(ip) <= high:
        parts = [(low, int(ip) - 1), (int(ip) + 1, high)]
    make = type(cidr.network_address)
    return [Pool(start=str(make(start)), end=str(make(end))) for start, end in parts if start <= end]


def parse(text: str, ip_version: int | None) -> ipam.Net:
    """The network that an address with a prefix length is in. Raises InvalidInput."""
    try:
        if "/" not in text:
            raise ValueError("no prefix length")
        cidr = ip_network(text, strict=False)
    except ValueError as error:
        raise InvalidInput(error_message=f"'{text}' isn't a recognized IP subnet cidr") from error
    if ip_version and cidr.version != ip_version:
        raise InvalidInput(error_message=f"cidr '{text}' does not match the ip_version '{ip_version}'")
    return cidr


def _text(pool: Pool) -> str:
    return f"{pool.start}-{pool.end}"


def check_pools(pools: Sequence[Pool], cidr: ipam.Net, gateway: str | None) -> None:
    """Raises InvalidAllocationPool, OutOfBounds…, Overlapping…, GatewayConflict…."""
    ordered = sorted(pools, key=lambda pool: int(ip_address(pool.start)))
    for pool in ordered:
        start, end = ip_address(pool.start), ip_address(pool.end)
        if start.version != cidr.version or end.version != cidr.version or int(end) < int(start):
            raise InvalidAllocationPool(pool=_text(pool))
        if not (ipam.usable(start, cidr) and ipam.usable(end, cidr)):
            raise OutOfBoundsAllocationPool(pool=_text(pool), subnet_cidr=cidr)
        if gateway and (ip := ip_address(gateway)).version == cidr.version and int(start) <= int(ip) <= int(end):
            raise GatewayConflictWithAllocationPools(pool=_text(pool), ip_address=gateway)
    for one, other in pairwise(ordered):
        if int(ip_address(one.end)) >= int(ip_address(other.start)):
            raise OverlappingAllocationPools(pool_1=_text(one), pool_2=_text(other), subnet_cidr=cidr)


def check(subnet: Subnet) -> None:
    """Everything that can be said without looking at others. Raises InvalidInput."""
    cidr = ip_network(subnet.cidr)
    problem = _problem(subnet, cidr) or _mode_problem(subnet, cidr)
    if problem:
        raise InvalidInput(error_message=problem)


def _problem(subnet: Subnet, cidr: ipam.Net) -> str | None:
    if cidr.prefixlen == 0:
        return "0 is not allowed as CIDR prefix length"
    if cidr.is_multicast:
        return "multicast IP subnet is not supported if enable_dhcp is True" if subnet.enable_dhcp else None
    if cidr.is_loopback and subnet.enable_dhcp:
        return "loopback IP subnet is not supported if enable_dhcp is True"
    if subnet.enable_dhcp and cidr.num_addresses <= 2 and cidr.version == 4:
        return "Subnet has a prefix length that is incompatible with DHCP service enabled"
    if subnet.gateway_ip is not None:
        gateway = ip_address(subnet.gateway_ip)
        if gateway.version != cidr.version:
            return f"gateway_ip '{gateway}' does not match the ip_version '{subnet.ip_version}'"
        if gateway in cidr and not ipam.usable(gateway, cidr):
            return "Gateway is not valid on subnet"
    for route in subnet.host_routes:
        if ip_network(route.destination, strict=False).version != cidr.version:
            return f"host_routes destination '{route.destination}' does not match the ip_version '{subnet.ip_version}'"
        if ip_address(route.nexthop).version != cidr.version:
            return f"host_routes nexthop '{route.nexthop}' does not match the ip_version '{subnet.ip_version}'"
    for server in subnet.dns_nameservers:
        if ip_address(server).version != cidr.version:
            return f"dns_nameserver '{server}' does not match the ip_version '{subnet.ip_version}'"
    return None


def _mode_problem(subnet: Subnet, cidr: ipam.Net) -> str | None:
    advertised, mode = subnet.ipv6_ra_mode, subnet.ipv6_address_mode
    if not (advertised or mode):
        return None
    if subnet.ip_version == 4:
        return "ipv6_ra_mode or ipv6_address_mode cannot be set when ip_version is set to 4"
    if not subnet.enable_dhcp:
        return "ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False"
    if advertised and mode and advertised != mode:
        return (
            f"ipv6_ra_mode set to '{advertised}' with ipv6_address_mode set to '{mode}' is not valid. If both attributes "
            "are set, they must be the same value"
        )
    if "slaac" in (advertised, mode) and cidr.prefixlen != SLAAC_PREFIX:
        return (
            f"Invalid CIDR {cidr} for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the "
            "prefix to be /64"
        )
    return None
