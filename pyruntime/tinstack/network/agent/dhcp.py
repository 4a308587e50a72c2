"""DHCP and DNS by dnsmasq: the files of one network's server, and what has to be done when they change. Pure functions.

One instance per network, as unit ``tinstack-dhcp@<network>.service`` inside the namespace ``dhcp-<network>``. Every port has a
file of its own in ``hosts`` (lease) and ``names`` (DNS), which dnsmasq reads as soon as it appears; when one is changed or
goes, dnsmasq reads all again (SIGHUP) and is sent a release: it would keep the old line and lease, and refuse the address to
another port.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from tinstack.network.agent import fields
from tinstack.network.agent.names import METADATA_IP
from tinstack.network.rpc import DhcpHost, WantedNetwork, WantedPort, WantedSubnet

LEASE_SECONDS = 86400
CONFIGURATION = "dnsmasq.conf"


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """The DHCP server of a network. ``files``: path below its folder → content; ``port_id``, ``device``, ``mac``,
    ``ip``: its port."""

    network_id: str
    port_id: str
    files: dict[str, str]
    device: str
    mac: str
    ip: str | None


def served(network: WantedNetwork) -> list[WantedSubnet]:
    """The subnets for which DHCP answers (IPv4)."""
    return [subnet for subnet in network.subnets if subnet.enable_dhcp and subnet.ip_version == 4]


def server(network: WantedNetwork, port: WantedPort, hosts: Iterable[DhcpHost], folder: str) -> Server:
    """The files. ``folder``: where all networks' folders are. Raises Malformed."""
    files = {CONFIGURATION: _configuration(network, port, f"{folder}/{network.id}")}
    leases: dict[str, list[str]] = {}
    known: dict[str, list[str]] = {}
    suffix = fields.domain(network.dns_domain)
    for host in sorted(hosts, key=lambda host: (host.port_id, host.ip)):
        ip = fields.address(host.ip)
        name = fields.host_name(host.hostname, ip)
        known.setdefault(host.port_id, []).append(" ".join([ip, *([f"{name}.{suffix}"] if suffix else []), name]))
        if ":" not in ip:
            leases.setdefault(host.port_id, []).append(f"{fields.mac(host.mac)},{ip},{name}")
    files |= {f"hosts/{port_id}": "".join(f"{line}\n" for line in lines) for port_id, lines in leases.items()}
    files |= {f"names/{port_id}": "".join(f"{line}\n" for line in lines) for port_id, lines in known.items()}
    own = [fields.address(one.ip) for one in port.addresses if ":" not in one.ip]
    return Server(
        network_id=network.id,
        port_id=port.id,
        files=files,
        device=port.device,
        mac=port.mac,
        ip=own[0] if own else None,
    )


def _configuration(network: WantedNetwork, port: WantedPort, folder: str) -> str:
    suffix = fields.domain(network.dns_domain)
    lines = [
        f"# Network {network.id}. Written by the network agent; changes are overwritten.",
        f"interface={port.device}",
        "except-interface=lo",
        "bind-dynamic",
        "pid-file=",
        "no-hosts",
        "no-ping",
        "dhcp-authoritative",
        "leasefile-ro",
        f"dhcp-hostsdir={folder}/hosts",
        f"hostsdir={folder}/names",
        *([f"domain={suffix}", f"local=/{suffix}/"] if suffix else []),
    ]
    for number, subnet in enumerate(served(network)):
        lines += _subnet(f"s{number}", subnet, port, network.mtu)
    return "".join(f"{line}\n" for line in lines)


def _subnet(tag: str, subnet: WantedSubnet, port: WantedPort, mtu: int) -> list[str]:
    """A range without free addresses (every lease is written down) and its options.

    Clients that take option 121 ignore option 3 (RFC 3442), so the default route stands in both.
    """
    cidr = fields.network(subnet.cidr)
    own = [fields.address(one.ip) for one in port.addresses if one.subnet_id == subnet.id]
    gateway = fields.address(subnet.gateway_ip) if subnet.gateway_ip else None
    routes = [f"{fields.network(destination)},{fields.address(hop)}" for destination, hop in subnet.host_routes]
    routes += [f"{METADATA_IP}/32,{own[0]}"] if own and f"{METADATA_IP}/32" not in dict(subnet.host_routes) else []
    routes += [f"0.0.0.0/0,{gateway}"] if gateway else []
    names = [fields.address(one) for one in subnet.dns_nameservers if ":" not in one] or own[:1]
    listed = ",".join(routes)
    return [
        f"dhcp-range=set:{tag},{cidr.network_address},static,{cidr.netmask},{LEASE_SECONDS}s",
        f"dhcp-option=tag:{tag},3" + (f",{gateway}" if gateway else ""),
        f"dhcp-option=tag:{tag},6" + (f",{','.join(names)}" if names else ""),
        f"dhcp-option-force=tag:{tag},26,{mtu}",
        *([f"dhcp-option=tag:{tag},121,{listed}", f"dhcp-option=tag:{tag},249,{listed}"] if routes else []),
    ]


Action = Literal["nothing", "reload", "restart"]


class Change(msgspec.Struct, frozen=True):
    """Files to write, then files to remove, then what the running server needs."""

    write: dict[str, str]
    remove: list[str]
    then: Action


def change(seen: Mapping[str, str], wanted: Mapping[str, str]) -> Change:
    """From the files that are there to those that should be."""
    write = {path: text for path, text in wanted.items() if seen.get(path) != text}
    remove = sorted(set(seen) - set(wanted))
    if CONFIGURATION in write:
        return Change(write, remove, "restart")
    return Change(write, remove, "reload" if remove or set(write) & set(seen) else "nothing")
