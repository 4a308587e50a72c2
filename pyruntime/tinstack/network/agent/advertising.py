"""Router advertisements (RFC 4861) by dnsmasq in a router's namespace: its configuration. Pure functions.

It only advertises: requests for addresses are the DHCP server's of the network, and are ignored here.
"""

from collections.abc import Iterable

from tinstack.network.agent import fields
from tinstack.network.rpc import WantedNetwork, WantedPort, WantedSubnet

CONFIGURATION = "dnsmasq.conf"
INTERVAL, LIFETIME = 60, 1800
"""Seconds: between two, and for which guests trust one."""

MODES = {"slaac": "ra-only", "dhcpv6-stateless": "ra-stateless", "dhcpv6-stateful": "static"}


def configuration(router_id: str, interfaces: Iterable[tuple[WantedPort, WantedNetwork]]) -> str | None:
    """None where no subnet wants its router to advertise. Raises Malformed."""
    lines: list[str] = []
    for port, network in interfaces:
        here = {one.subnet_id for one in port.addresses}
        for subnet in network.subnets:
            if subnet.id in here and subnet.ra_mode in MODES:
                lines += _subnet(f"s{len(lines)}", subnet)
        if any(subnet.id in here and subnet.ra_mode in MODES for subnet in network.subnets):
            lines += [f"interface={port.device}", f"ra-param={port.device},mtu:{network.mtu},{INTERVAL},{LIFETIME}"]
    if not lines:
        return None
    head = [
        f"# Router {router_id}. Written by the network agent; changes are overwritten.",
        "port=0",
        "except-interface=lo",
        "bind-dynamic",
        "pid-file=",
        "leasefile-ro",
        "enable-ra",
        "dhcp-ignore=tag:!known",
    ]
    return "".join(f"{line}\n" for line in [*head, *lines])


def _subnet(tag: str, subnet: WantedSubnet) -> list[str]:
    cidr = fields.network(subnet.cidr)
    names = [f"[{fields.address(one)}]" for one in subnet.dns_nameservers if ":" in one]
    return [
        f"dhcp-range=set:{tag},{cidr.network_address},{MODES[subnet.ra_mode or '']},{cidr.prefixlen}",
        *([f"dhcp-option=tag:{tag},option6:dns-server,{','.join(names)}"] if names else []),
    ]
