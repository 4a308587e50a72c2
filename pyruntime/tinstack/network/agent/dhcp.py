"""DHCP and DNS by dnsmasq: the files of one network's server, and what has to be done when they change. Pure functions.

One instance per network, as unit ``tinstack-dhcp@<network>.service`` inside the namespace ``dhcp-<network>``. Every port has a
file of its own in ``hosts`` (lease), ``options`` and ``names`` (DNS), which dnsmasq reads as soon as it appears; when one is changed or
goes, dnsmasq reads all again (SIGHUP) and is sent a release: it would keep the old line and lease, and refuse the address to
another port.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Literal

import msgspec

from tinstack.network.agent import dhcp_options, fields
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


def served(network: WantedNetwork, version: int = 4) -> list[WantedSubnet]:
    """The subnets for which DHCP answers; of IPv6 those whose guests ask it for something."""
    return [
        subnet
        for subnet in network.subnets
        if subnet.enable_dhcp
        and subnet.ip_version == version
        and (version == 4 or subnet.address_mode in ("dhcpv6-stateful", "dhcpv6-stateless"))
    ]


def server(network: WantedNetwork, port: WantedPort, hosts: Iterable[DhcpHost], folder: str) -> Server:
    """The files. ``folder``: where all networks' folders are. Raises Malformed."""
    files = {CONFIGURATION: _configuration(network, port, f"{folder}/{network.id}")}
    leases: dict[str, list[str]] = {}
    known: dict[str, list[str]] = {}
    options: dict[str, list[str]] = {}
    suffix = fields.domain(network.dns_domain)
    stateful = [
        fields.network(subnet.cidr) for subnet in served(network, 6) if subnet.address_mode == "dhcpv6-stateful"
    ]
    for host in sorted(hosts, key=lambda host: (host.port_id, host.ip)):
        ip = fields.address(host.ip)
        name = fields.host_name(host.hostname, ip)
        known.setdefault(host.port_id, []).append(" ".join([ip, *([f"{name}.{suffix}"] if suffix else []), name]))
        written = f"[{ip}]" if ":" in ip else ip
        if ":" not in ip or any(ip_address(ip) in net for net in stateful):
            said = dhcp_options.lines(host.port_id, host.options)
            tag = f"set:{host.port_id}," if said else ""
            leases.setdefault(host.port_id, []).append(f"{fields.mac(host.mac)},{tag}{written},{name}")
            options[host.port_id] = said
    files |= {f"hosts/{port_id}": "".join(f"{line}\n" for line in lines) for port_id, lines in leases.items()}
    files |= {f"names/{port_id}": "".join(f"{line}\n" for line in lines) for port_id, lines in known.items()}
    files |= {
        f"options/{port_id}": "".join(f"{line}\n" for line in lines) for port_id, lines in options.items() if lines
    }
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
        f"dhcp-optsdir={folder}/options",
        f"hostsdir={folder}/names",
        *([f"domain={suffix}", f"local=/{suffix}/"] if suffix else []),
    ]
    for number, subnet in enumerate(served(network)):
        lines += _subnet(f"s{number}", subnet, port, network.mtu)
    for number, subnet in enumerate(served(network, 6)):
        lines += _subnet6(f"v{number}", subnet, port)
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


def _subnet6(tag: str, subnet: WantedSubnet, port: WantedPort) -> list[str]:
    """Who may not ask for an address may ask for the rest."""
    cidr = fields.network(subnet.cidr)
    own = [fields.address(one.ip) for one in port.addresses if one.subnet_id == subnet.id]
    names = [fields.address(one) for one in subnet.dns_nameservers if ":" in one] or own[:1]
    listed = ",".join(f"[{name}]" for name in names)
    return [
        f"dhcp-range=set:{tag},{cidr.network_address},static,{cidr.prefixlen},{LEASE_SECONDS}s",
        *([f"dhcp-option=tag:{tag},option6:dns-server,{listed}"] if names else []),
    ]


Action = Literal["nothing", "reload", "restart"]


class Change(msgspec.Struct, frozen=True):
    """Files to write, then files to remove, then what the running server needs."""

    write: dict[str, str]
    remove: list[str]
    then: Action


def change(seen: Mapping[str, str], wanted: Mapping[str, str]) -> Change:
    """From the files that are there to those that should be. A lease of IPv6 can't be released for a guest that is gone, so
    the server starts anew and knows none of them."""
    write = {path: text for path, text in wanted.items() if seen.get(path) != text}
    remove = sorted(set(seen) - set(wanted))
    gone = any("[" in text and text != wanted.get(path) for path, text in seen.items() if path.startswith("hosts/"))
    if CONFIGURATION in write or gone:
        return Change(write, remove, "restart")
    return Change(write, remove, "reload" if remove or set(write) & set(seen) else "nothing")
