"""Topics ``network`` (asked by hosts' network agents) and ``network.<host>`` (told to them).

Level-triggered: ``LookHost`` names a generation; the agent asks for its host's wanted state, makes the difference, reports.
"""

import msgspec

from tinstack.core.bus import Message

TOPIC = "network"


def topic(host: str) -> str:
    """The topic of a host's network agent."""
    return f"network.{host}"


class LookHost(Message):
    """Something of that host's wanted state changed."""

    generation: int


class AgentReport(Message):
    """The heartbeat. ``physical_networks``: name → interface; ``roles``: l2, and dhcp, l3, metadata on network hosts."""

    host: str
    tunnel_ip: str
    roles: list[str]
    physical_networks: dict[str, str]
    generation: int
    started_at: int


class AskHostState(Message):
    """Answer: ``HostNetworkState``. The sender must be ``network.<host>``."""

    host: str


class WantedSubnet(msgspec.Struct, frozen=True, kw_only=True):
    """A subnet with what DHCP says. ``host_routes``: (destination, next hop). ``ra_mode``: what its router advertises, if it
    does; ``address_mode``: how guests get their IPv6 addresses: slaac, dhcpv6-stateful, dhcpv6-stateless or not by us."""

    id: str
    cidr: str
    ip_version: int
    gateway_ip: str | None
    enable_dhcp: bool
    dns_nameservers: list[str] = []
    host_routes: list[tuple[str, str]] = []
    ra_mode: str | None = None
    address_mode: str | None = None


class WantedNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """A network that this host needs: it has ports here. ``peers``: tunnel addresses of the other hosts that need it.

    ``kind``: vxlan, vlan, flat, gre or local; ``segment``: VNI or VLAN id. ``dhcp_port``: the port whose addresses DHCP uses
    where this host serves DHCP for it, else None.
    """

    id: str
    kind: str
    segment: int | None
    physical_network: str | None
    mtu: int
    peers: list[str]
    subnets: list[WantedSubnet]
    dhcp_port: str | None = None
    dns_domain: str = ""


class WantedAddress(msgspec.Struct, frozen=True, kw_only=True):
    """A fixed address of a port."""

    subnet_id: str
    ip: str
    prefix: int


class WantedLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit of a port's traffic. ``direction``: egress (from the guest) or ingress; ``rate``: kbit/s, or thousand packets/s
    where it counts ``packets``; ``burst``: kbit, or thousand packets; 0: the usual one."""

    direction: str
    packets: bool = False
    rate: int
    burst: int = 0


class WantedPort(msgspec.Struct, frozen=True, kw_only=True):
    """A port bound to this host: ``device`` is the tap (or veth) name, 15 characters at most.

    ``owner``: device_owner (``compute:nova``, ``network:dhcp``, ``network:router_interface``, ``network:router_gateway``).
    ``groups``: its security groups; ``pairs``: more prefixes that it may speak for, each with the MAC that it does so with;
    ``dscp_mark``: of what it sends.
    """

    id: str
    network_id: str
    device: str
    mac: str
    owner: str
    device_id: str
    addresses: list[WantedAddress]
    admin_up: bool = True
    port_security: bool = True
    name: str = ""
    project_id: str = ""
    groups: list[str] = []
    pairs: list[tuple[str, str]] = []
    limits: list[WantedLimit] = []
    dscp_mark: int | None = None


class WantedRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a security group lets through. ``direction``: ingress or egress; ``protocol``: IANA's number, None for all;
    ``first``, ``last``: ports, or ICMP type and code. The other side is in ``prefix``, or in the ``WantedAddresses`` of
    id ``remote``, or anywhere."""

    direction: str
    ip_version: int
    protocol: int | None = None
    first: int | None = None
    last: int | None = None
    prefix: str | None = None
    remote: str | None = None


class WantedGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A security group of ports here. ``stateful``: answers to what is let through need no rule."""

    id: str
    stateful: bool
    rules: list[WantedRule]


class WantedAddresses(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses of all ports in a security group, or the prefixes of an address group, that rules here speak of."""

    id: str
    addresses: list[str]


class DhcpHost(msgspec.Struct, frozen=True, kw_only=True):
    """A lease that DHCP hands out for a network served here, whichever host the port is on.

    The metadata proxy knows guests by these too, so they are listed for every network with a DHCP or router port here.
    ``options``: more options of DHCP: name or number, value, IP version.
    """

    network_id: str
    mac: str
    ip: str
    hostname: str
    port_id: str
    device_id: str
    project_id: str = ""
    options: list[tuple[str, str, int]] = []


class WantedFloating(msgspec.Struct, frozen=True, kw_only=True):
    """1:1 NAT in a router."""

    floating_ip: str
    fixed_ip: str


class WantedForward(msgspec.Struct, frozen=True, kw_only=True):
    """Ports of a floating address that lead inside; both ends of a range are included, None where the protocol has no ports.

    One inside port takes all the outside ones; else they are as many.
    """

    floating_ip: str
    protocol: str
    fixed_ip: str
    outside: tuple[int, int] | None = None
    inside: tuple[int, int] | None = None


class WantedRouter(msgspec.Struct, frozen=True, kw_only=True):
    """A router on this host. ``interfaces``: ids of its ports among ``ports``; ``gateway_port`` likewise.

    ``gateway_next_hop``, ``gateway_next_hop6``: the external subnets' gateways; ``more_gateways``: ports on other
    external networks. ``routes``: (destination, next hop).
    """

    id: str
    interfaces: list[str]
    gateway_port: str | None
    gateway_next_hop: str | None
    gateway_next_hop6: str | None = None
    enable_snat: bool
    floating: list[WantedFloating]
    routes: list[tuple[str, str]] = []
    forwards: list[WantedForward] = []
    more_gateways: list[str] = []


class HostNetworkState(Message):
    """All that this host's networking should be; what is ours and not in it is removed."""

    generation: int
    networks: list[WantedNetwork]
    ports: list[WantedPort]
    routers: list[WantedRouter]
    dhcp_hosts: list[DhcpHost]
    metadata_url: str
    metadata_key: str
    groups: list[WantedGroup] = []
    addresses: list[WantedAddresses] = []


class Applied(Message):
    """The state of that generation is made. ``up``: ports that are wired; ``errors``: port (or router, network) id → sentence."""

    host: str
    generation: int
    up: list[str]
    errors: dict[str, str] = {}
