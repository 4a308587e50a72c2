"""Rows of the network database. Times are microseconds."""

import msgspec

ACTIVE, DOWN = "ACTIVE", "DOWN"

DHCP = "network:dhcp"
ROUTER_INTERFACE = "network:router_interface"
ROUTER_GATEWAY = "network:router_gateway"
FLOATING_IP = "network:floatingip"
ROUTER_OWNERS = (ROUTER_INTERFACE, ROUTER_GATEWAY)
"""``device_owner`` of the ports that the service makes for itself."""

UNBOUND, BOUND, BINDING_FAILED = "unbound", "tap", "binding_failed"
"""``binding:vif_type``: a bound port is a persistent tap that the host's agent makes."""


class Owned(msgspec.Struct, kw_only=True):
    """What belongs to a project."""

    id: str
    project_id: str
    revision_number: int = 1

    def touch(self, now: int) -> None:
        """The row is to be written as its next revision."""
        self.revision_number += 1


class Standard(Owned, kw_only=True):
    """What every resource has."""

    name: str = ""
    description: str = ""
    tags: list[str] = []
    created_at: int = 0
    updated_at: int = 0

    def touch(self, now: int) -> None:
        """The same, changed at ``now``."""
        self.revision_number += 1
        self.updated_at = now


class Network(Standard, kw_only=True):
    """``kind``: vxlan, gre, vlan, flat or local; ``segment``: VNI, key or VLAN id; ``more_segments``: whether it has others."""

    admin_state_up: bool = True
    shared: bool = False
    external: bool = False
    is_default: bool = False
    port_security_enabled: bool = True
    mtu: int
    kind: str
    physical_network: str | None = None
    segment: int | None = None
    more_segments: bool = False
    dns_domain: str = ""
    availability_zone_hints: list[str] = []
    qos_policy_id: str | None = None


class Route(msgspec.Struct, kw_only=True, frozen=True):
    """A static route: of a subnet's hosts, or of a router."""

    destination: str
    nexthop: str


class Pool(msgspec.Struct, kw_only=True, frozen=True):
    """Addresses from ``start`` to ``end``, both included."""

    start: str
    end: str


class Subnet(Standard, kw_only=True):
    """Addresses of a network."""

    network_id: str
    ip_version: int
    cidr: str
    gateway_ip: str | None = None
    enable_dhcp: bool = True
    ipv6_ra_mode: str | None = None
    ipv6_address_mode: str | None = None
    dns_nameservers: list[str] = []
    host_routes: list[Route] = []
    allocation_pools: list[Pool] = []
    service_types: list[str] = []
    dns_publish_fixed_ip: bool = False
    subnetpool_id: str | None = None
    segment_id: str | None = None


class SubnetPool(Standard, kw_only=True):
    """Prefixes from which subnets are cut. ``default_quota``: addresses (IPv4) or /64s (IPv6) per project."""

    ip_version: int
    prefixes: list[str]
    default_prefixlen: int
    min_prefixlen: int
    max_prefixlen: int
    default_quota: int | None = None
    shared: bool = False
    is_default: bool = False
    address_scope_id: str | None = None


class Allocation(msgspec.Struct, kw_only=True, frozen=True):
    """An address that a port has. ``key``: the address as hexadecimal text of fixed width."""

    subnet_id: str
    key: str
    ip: str
    port_id: str
    network_id: str


class Port(Standard, kw_only=True):
    """``binding_generation``: the host's generation from which on the port's place stands in the host's wanted state."""

    network_id: str
    mac_address: str
    admin_state_up: bool = True
    status: str = DOWN
    device_id: str = ""
    device_owner: str = ""
    port_security_enabled: bool = True
    allowed_address_pairs: list[dict[str, str]] = []
    extra_dhcp_opts: list[dict[str, str | int]] = []
    dns_name: str = ""
    dns_domain: str = ""
    propagate_uplink_status: bool = True
    numa_affinity_policy: str | None = None
    hints: dict[str, object] | None = None
    binding_host: str = ""
    binding_profile: dict[str, object] = {}
    binding_vnic_type: str = "normal"
    binding_vif_type: str = UNBOUND
    binding_generation: int = 0
    qos_policy_id: str | None = None


class HostPort(msgspec.Struct, kw_only=True):
    """What a port's host is told of it. ``addresses``: (subnet, address)."""

    id: str
    project_id: str
    name: str
    network_id: str
    mac_address: str
    admin_state_up: bool
    device_id: str
    device_owner: str
    port_security_enabled: bool
    allowed_address_pairs: list[dict[str, str]]
    qos_policy_id: str | None
    addresses: list[tuple[str, str]] = []
    groups: list[str] = []


class PortGroup(msgspec.Struct, frozen=True):
    """A security group of a port."""

    port_id: str
    group_id: str


class Router(Standard, kw_only=True):
    """``host``: where it is made; '' while nowhere. ``parked``: an operator took it off its host, and none is chosen until he
    puts it on one or it gets a gateway or an interface. ``distributed``, ``ha``: as asked for; it is on one host all the same."""

    admin_state_up: bool = True
    gateway_network_id: str | None = None
    gateway_port_id: str | None = None
    enable_snat: bool = True
    routes: list[Route] = []
    availability_zone_hints: list[str] = []
    host: str = ""
    gateway_qos_policy_id: str | None = None
    parked: bool = False
    distributed: bool = False
    ha: bool = False
    flavor_id: str | None = None
    enable_default_route_bfd: bool = False
    enable_default_route_ecmp: bool = False
    enable_ndp_proxy: bool = False


class FloatingIp(Standard, kw_only=True):
    """``floating_port_id``: the port that holds the address. ``generation``: as ``Port.binding_generation``."""

    floating_network_id: str
    floating_ip_address: str
    floating_port_id: str
    port_id: str | None = None
    fixed_ip_address: str | None = None
    router_id: str | None = None
    status: str = DOWN
    generation: int = 0
    qos_policy_id: str | None = None


class SecurityGroup(Standard, kw_only=True):
    """A set of rules. ``shared``: with all projects."""

    stateful: bool = True
    shared: bool = False


class SecurityGroupRule(Standard, kw_only=True):
    """``signature``: equal for rules that say the same."""

    security_group_id: str
    direction: str
    ethertype: str
    protocol: str | None = None
    port_range_min: int | None = None
    port_range_max: int | None = None
    remote_ip_prefix: str | None = None
    remote_group_id: str | None = None
    remote_address_group_id: str | None = None
    signature: str


class Host(msgspec.Struct, kw_only=True):
    """A host whose network agent reports."""

    host: str
    generation: int = 1
    applied: int = 0
    tunnel_ip: str = ""
    roles: list[str] = []
    physical_networks: dict[str, str] = {}
    started_at: int = 0
    heartbeat_at: int = 0


class Agent(msgspec.Struct, kw_only=True):
    """One role of a host's agent, as the API shows it; the last fields are its host's."""

    id: str
    host: str
    role: str
    admin_state_up: bool = True
    description: str = ""
    created_at: int = 0
    tunnel_ip: str = ""
    physical_networks: dict[str, str] = {}
    started_at: int = 0
    heartbeat_at: int = 0
