"""Tables of the network database. Those of metering and of what routers do for ports are in ``tables_l3``."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from tinstack.network.server import tables_admin as admin
from tinstack.network.server import tables_l3 as l3
from tinstack.network.server.tables_base import ID, KEY, PROJECT, metadata, standard
from tinstack.network.server.tables_sharing import (
    address_groups,
    address_scopes,
    qos_policies,
    qos_rules,
    rbac_policies,
    sub_ports,
    trunks,
)

__all__ = [
    "address_groups",
    "address_scopes",
    "admin",
    "l3",
    "metadata",
    "qos_policies",
    "qos_rules",
    "rbac_policies",
    "sub_ports",
    "trunks",
]

networks = standard(
    "networks",
    Column("admin_state_up", Integer, nullable=False),
    Column("shared", Integer, nullable=False),
    Column("external", Integer, nullable=False),
    Column("is_default", Integer, nullable=False),
    Column("port_security_enabled", Integer, nullable=False),
    Column("mtu", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("physical_network", String(64)),
    Column("segment", Integer),
    Column("more_segments", Integer, nullable=False, server_default="0"),
    Column("dns_domain", String(255), nullable=False),
    Column("availability_zone_hints", Text, nullable=False),
    Column("qos_policy_id", String(ID)),
    Index("networks_qos", "qos_policy_id"),
    Index("networks_open", "shared", "external"),
)

segments = Table(
    "segments",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("physical_network", String(64), primary_key=True),
    Column("segment", Integer, primary_key=True, autoincrement=False),
    Column("network_id", String(ID), nullable=False),
    Index("segments_network", "network_id"),
)

subnets = standard(
    "subnets",
    Column("network_id", String(ID), nullable=False),
    Column("ip_version", Integer, nullable=False),
    Column("cidr", String(64), nullable=False),
    Column("gateway_ip", String(45)),
    Column("enable_dhcp", Integer, nullable=False),
    Column("ipv6_ra_mode", String(16)),
    Column("ipv6_address_mode", String(16)),
    Column("dns_nameservers", Text, nullable=False),
    Column("host_routes", Text, nullable=False),
    Column("allocation_pools", Text, nullable=False),
    Column("service_types", Text, nullable=False),
    Column("dns_publish_fixed_ip", Integer, nullable=False, server_default="0"),
    Column("subnetpool_id", String(ID)),
    Column("segment_id", String(ID)),
    Index("subnets_network", "network_id"),
    Index("subnets_pool", "subnetpool_id"),
)

subnetpools = standard(
    "subnetpools",
    Column("ip_version", Integer, nullable=False),
    Column("prefixes", Text, nullable=False),
    Column("default_prefixlen", Integer, nullable=False),
    Column("min_prefixlen", Integer, nullable=False),
    Column("max_prefixlen", Integer, nullable=False),
    Column("default_quota", Integer),
    Column("shared", Integer, nullable=False),
    Column("is_default", Integer, nullable=False),
    Column("address_scope_id", String(ID)),
    Index("subnetpools_scope", "address_scope_id"),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("next", String(KEY), nullable=False),
)
"""Where the next search for something free begins; its row is updated first by whoever takes from that range."""

allocations = Table(
    "allocations",
    metadata,
    Column("subnet_id", String(ID), primary_key=True),
    Column("key", String(KEY), primary_key=True),
    Column("ip", String(45), nullable=False),
    Column("port_id", String(ID), nullable=False),
    Column("network_id", String(ID), nullable=False),
    Index("allocations_port", "port_id"),
    Index("allocations_ip", "ip"),
)

ports = standard(
    "ports",
    Column("network_id", String(ID), nullable=False),
    Column("mac_address", String(17), nullable=False),
    Column("admin_state_up", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("device_id", String(255), nullable=False),
    Column("device_owner", String(255), nullable=False),
    Column("port_security_enabled", Integer, nullable=False),
    Column("allowed_address_pairs", Text, nullable=False),
    Column("extra_dhcp_opts", Text, nullable=False),
    Column("dns_name", String(255), nullable=False),
    Column("dns_domain", String(255), nullable=False, server_default=""),
    Column("propagate_uplink_status", Integer, nullable=False, server_default="1"),
    Column("numa_affinity_policy", String(16)),
    Column("hints", Text),
    Column("binding_host", String(255), nullable=False),
    Column("binding_profile", Text, nullable=False),
    Column("binding_vnic_type", String(64), nullable=False),
    Column("binding_vif_type", String(64), nullable=False),
    Column("binding_generation", BigInteger, nullable=False),
    Column("qos_policy_id", String(ID)),
    Index("ports_qos", "qos_policy_id"),
    Index("ports_mac", "network_id", "mac_address", unique=True),
    Index("ports_place", "network_id", "binding_host", "device_owner"),
    Index("ports_host", "binding_host", "status"),
    Index("ports_owner", "device_owner", "binding_host"),
    Index("ports_device", "device_id"),
    Index("ports_pairs", "allowed_address_pairs", mysql_length=8, mariadb_length=8),
)

port_groups = Table(
    "port_groups",
    metadata,
    Column("port_id", String(ID), primary_key=True),
    Column("group_id", String(ID), primary_key=True),
    Index("port_groups_group", "group_id"),
)

routers = standard(
    "routers",
    Column("admin_state_up", Integer, nullable=False),
    Column("gateway_network_id", String(ID)),
    Column("gateway_port_id", String(ID)),
    Column("enable_snat", Integer, nullable=False),
    Column("routes", Text, nullable=False),
    Column("availability_zone_hints", Text, nullable=False),
    Column("host", String(255), nullable=False),
    Column("parked", Integer, nullable=False, server_default="0"),
    Column("distributed", Integer, nullable=False, server_default="0"),
    Column("ha", Integer, nullable=False, server_default="0"),
    Column("flavor_id", String(ID)),
    Column("enable_default_route_bfd", Integer, nullable=False, server_default="0"),
    Column("enable_default_route_ecmp", Integer, nullable=False, server_default="0"),
    Column("enable_ndp_proxy", Integer, nullable=False, server_default="0"),
    Column("gateway_qos_policy_id", String(ID)),
    Index("routers_qos", "gateway_qos_policy_id"),
    Index("routers_gateway", "gateway_network_id"),
    Index("routers_host", "host"),
    Index("routers_flavor", "flavor_id"),
)

floatingips = standard(
    "floatingips",
    Column("floating_network_id", String(ID), nullable=False),
    Column("floating_ip_address", String(45), nullable=False),
    Column("floating_port_id", String(ID), nullable=False),
    Column("port_id", String(ID)),
    Column("fixed_ip_address", String(45)),
    Column("router_id", String(ID)),
    Column("status", String(16), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("qos_policy_id", String(ID)),
    Index("floatingips_qos", "qos_policy_id"),
    Index("floatingips_fixed", "port_id", "fixed_ip_address", unique=True),
    Index("floatingips_router", "router_id"),
    Index("floatingips_network", "floating_network_id"),
    Index("floatingips_port", "floating_port_id"),
)

groups = standard(
    "security_groups",
    Column("stateful", Integer, nullable=False),
    Column("shared", Integer, nullable=False, server_default="0"),
)

default_groups = Table(
    "default_security_groups",
    metadata,
    Column("project_id", String(PROJECT), primary_key=True),
    Column("group_id", String(ID), nullable=False),
)

rules = standard(
    "security_group_rules",
    Column("security_group_id", String(ID), nullable=False),
    Column("direction", String(16), nullable=False),
    Column("ethertype", String(8), nullable=False),
    Column("protocol", String(32)),
    Column("port_range_min", Integer),
    Column("port_range_max", Integer),
    Column("remote_ip_prefix", String(64)),
    Column("remote_group_id", String(ID)),
    Column("signature", String(64), nullable=False),
    Column("remote_address_group_id", String(ID)),
    Index("security_group_rules_addresses", "remote_address_group_id"),
    Index("security_group_rules_same", "security_group_id", "signature", unique=True),
    Index("security_group_rules_remote", "remote_group_id"),
)

hosts = Table(
    "hosts",
    metadata,
    Column("host", String(255), primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("applied", BigInteger, nullable=False),
    Column("tunnel_ip", String(45), nullable=False),
    Column("roles", Text, nullable=False),
    Column("physical_networks", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("heartbeat_at", BigInteger, nullable=False),
)
"""One row per host whose agent ever reported. ``generation``: of its wanted state; ``applied`` is written by nobody any more."""

dhcp_bindings = Table(
    "dhcp_bindings",
    metadata,
    Column("network_id", String(ID), primary_key=True),
    Column("host", String(255), primary_key=True),
    Index("dhcp_bindings_host", "host"),
)
"""Which hosts serve a network's DHCP. Host '': an operator took it off every host, and none is chosen until he puts it on one."""

agents = Table(
    "agents",
    metadata,
    Column("id", String(ID), primary_key=True),
    Column("host", String(255), nullable=False),
    Column("role", String(32), nullable=False),
    Column("admin_state_up", Integer, nullable=False),
    Column("description", String(255), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("agents_role", "host", "role", unique=True),
)

quotas = Table(
    "quotas",
    metadata,
    Column("project_id", String(PROJECT), primary_key=True),
    Column("resource", String(64), primary_key=True),
    Column("limit", BigInteger, nullable=False),
)

quota_generations = Table(
    "quota_generations",
    metadata,
    Column("project_id", String(PROJECT), primary_key=True),
    Column("generation", BigInteger, nullable=False),
)
"""Updated first by whoever takes from a project's quota."""
