"""Values that come from the API and end in commands and files: each is parsed here and written in its canonical form."""

import ipaddress
import re

from tinstack.core.errors import ApiError
from tinstack.network.agent.model import Route

_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Malformed(ApiError):
    """A value is not what its place needs."""

    code = "network.agent.malformed"


def address(text: str) -> str:
    """An IPv4 or IPv6 address without a zone. Raises Malformed."""
    try:
        if "%" in text:
            raise ValueError("a zone")
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise Malformed(f"'{text}' is no IP address.") from error


def interface(ip: str, prefix: int) -> str:
    """An address with its prefix length, as an interface has it. Raises Malformed."""
    try:
        return str(ipaddress.ip_interface(f"{address(ip)}/{prefix}"))
    except ValueError as error:
        raise Malformed(f"'{ip}/{prefix}' is no address with a prefix.") from error


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """A CIDR. Raises Malformed."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise Malformed(f"'{text}' is no CIDR.") from error


def route(destination: str, next_hop: str) -> Route:
    """A route as the kernel prints it: no prefix for a single address, ``default`` for all. Raises Malformed."""
    hop = address(next_hop)
    version = ipaddress.ip_address(hop).version
    if destination == "default":
        return Route("default", hop, version)
    where = network(destination)
    if where.prefixlen == 0:
        return Route("default", hop, version)
    single = where.prefixlen == where.max_prefixlen
    return Route(str(where.network_address) if single else str(where), hop, version)


def mac(text: str) -> str:
    """A MAC address in lower case with colons. Raises Malformed."""
    if not _MAC.fullmatch(text):
        raise Malformed(f"'{text}' is no MAC address.")
    return text


def host_name(text: str, ip: str) -> str:
    """A DNS label, or one made of the address where the name is none."""
    label = text.lower()
    return label if _LABEL.fullmatch(label) else "host-" + re.sub(r"[^0-9a-f]", "-", ip)


def domain(text: str) -> str:
    """A DNS domain without the last dot, or nothing where it is none."""
    name = text.lower().rstrip(".")
    return name if name and all(_LABEL.fullmatch(label) for label in name.split(".")) else ""
