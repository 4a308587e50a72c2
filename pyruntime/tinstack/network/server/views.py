"""Rows to public JSON. Source: Network API reference, the response tables of each section."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from tinstack.core.clock import iso
from tinstack.network.server.names import hostname
from tinstack.network.server.rows import (
    ACTIVE,
    BOUND,
    Agent,
    Allocation,
    FloatingIp,
    Network,
    Owned,
    Port,
    Route,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Standard,
    Subnet,
    SubnetPool,
)
from tinstack.network.server.store import SubnetOf

Body = dict[str, Any]

ZONE = "nova"
AGENT_TYPES = {"l2": "Linux bridge agent", "dhcp": "DHCP agent", "l3": "L3 agent", "metadata": "Metadata agent"}
BINARY = "tinstack-network-agent"
AGENT_TOPICS = {"dhcp": "dhcp_agent", "l3": "l3_agent"}


def owner(row: Owned) -> Body:
    """Id and project under both of its names."""
    return {"id": row.id, "project_id": row.project_id, "tenant_id": row.project_id}


def standard(row: Standard) -> Body:
    """What every resource shows."""
    return {
        **owner(row),
        "description": row.description,
        "tags": row.tags,
        "revision_number": row.revision_number,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
    }


def network(row: Network, subnets: Sequence[SubnetOf], *, provider: bool, shared: bool) -> Body:
    """``provider``: whether the caller sees how the network is made; ``shared``: whether it is with the caller's project."""
    shown = {
        **standard(row),
        "name": row.name,
        "admin_state_up": row.admin_state_up,
        "status": ACTIVE,
        "subnets": [one.id for one in subnets],
        "shared": shared,
        "router:external": row.external,
        "is_default": row.is_default,
        "mtu": row.mtu,
        "l2_adjacency": True,
        "port_security_enabled": row.port_security_enabled,
        "dns_domain": row.dns_domain,
        "availability_zone_hints": row.availability_zone_hints,
        "availability_zones": [ZONE] if subnets else [],
        "ipv4_address_scope": _scope(subnets, 4),
        "ipv6_address_scope": _scope(subnets, 6),
        "qos_policy_id": row.qos_policy_id,
    }
    if provider:
        shown["provider:network_type"] = row.kind
        shown["provider:physical_network"] = row.physical_network
        shown["provider:segmentation_id"] = row.segment
    return shown


def _scope(subnets: Iterable[SubnetOf], version: int) -> str | None:
    return next((one.address_scope_id for one in subnets if one.ip_version == version and one.address_scope_id), None)


def routes(given: Iterable[Route]) -> list[Body]:
    """``host_routes`` or ``routes``."""
    return [{"destination": route.destination, "nexthop": route.nexthop} for route in given]


def subnet(row: Subnet, *, external: bool) -> Body:
    """A subnet. ``external``: whether its network is."""
    return {
        **standard(row),
        "name": row.name,
        "network_id": row.network_id,
        "ip_version": row.ip_version,
        "cidr": row.cidr,
        "gateway_ip": row.gateway_ip,
        "enable_dhcp": row.enable_dhcp,
        "ipv6_ra_mode": row.ipv6_ra_mode,
        "ipv6_address_mode": row.ipv6_address_mode,
        "dns_nameservers": row.dns_nameservers,
        "host_routes": routes(row.host_routes),
        "allocation_pools": [{"start": pool.start, "end": pool.end} for pool in row.allocation_pools],
        "service_types": row.service_types,
        "dns_publish_fixed_ip": row.dns_publish_fixed_ip,
        "router:external": external,
        "subnetpool_id": row.subnetpool_id,
        "segment_id": row.segment_id,
    }


def subnetpool(row: SubnetPool, *, shared: bool) -> Body:
    """A subnet pool; its lengths are text, as the API has them."""
    return {
        **standard(row),
        "name": row.name,
        "ip_version": row.ip_version,
        "prefixes": row.prefixes,
        "default_prefixlen": str(row.default_prefixlen),
        "min_prefixlen": str(row.min_prefixlen),
        "max_prefixlen": str(row.max_prefixlen),
        "default_quota": row.default_quota,
        "shared": shared,
        "is_default": row.is_default,
        "address_scope_id": row.address_scope_id,
    }


def port(row: Port, held: Sequence[Allocation], groups: Sequence[str], *, binding: bool, domain: str) -> Body:
    """``binding``: whether the caller sees where the port is; ``domain``: of ``dns_assignment``."""
    shown = {
        **standard(row),
        "name": row.name,
        "network_id": row.network_id,
        "mac_address": row.mac_address,
        "admin_state_up": row.admin_state_up,
        "status": row.status,
        "device_id": row.device_id,
        "device_owner": row.device_owner,
        "fixed_ips": [{"subnet_id": one.subnet_id, "ip_address": one.ip} for one in held],
        "security_groups": list(groups),
        "port_security_enabled": row.port_security_enabled,
        "allowed_address_pairs": row.allowed_address_pairs,
        "extra_dhcp_opts": row.extra_dhcp_opts,
        "qos_policy_id": row.qos_policy_id,
        "dns_name": row.dns_name,
        "dns_domain": row.dns_domain,
        "ip_allocation": "immediate" if held else "none",
        "propagate_uplink_status": row.propagate_uplink_status,
        "numa_affinity_policy": row.numa_affinity_policy,
        "dns_assignment": [_assignment(row, one.ip, domain) for one in held],
        "binding:vnic_type": row.binding_vnic_type,
    }
    if binding:
        shown["binding:host_id"] = row.binding_host
        shown["binding:profile"] = row.binding_profile
        shown["binding:vif_type"] = row.binding_vif_type
        shown["trusted"] = row.binding_profile.get("trusted")
        shown["hints"] = row.hints
        bound = row.binding_vif_type == BOUND
        shown["binding:vif_details"] = {"port_filter": True, "connectivity": "l2"} if bound else {}
    return shown


def _assignment(row: Port, ip: str, domain: str) -> Body:
    name = hostname(row.dns_name, ip)
    suffix = domain.rstrip(".")
    return {"hostname": name, "ip_address": ip, "fqdn": f"{name}.{suffix}." if suffix else name}


def router(row: Router, gateways: Sequence[tuple[str, Sequence[Allocation]]], helpers: Iterable[Body]) -> Body:
    """``gateways``: the networks and addresses of its gateway ports, the first one first."""
    outside = [
        {
            "network_id": network_id,
            "enable_snat": row.enable_snat,
            "external_fixed_ips": [{"subnet_id": one.subnet_id, "ip_address": one.ip} for one in held],
            "qos_policy_id": row.gateway_qos_policy_id,
        }
        for network_id, held in gateways
    ]
    return {
        **standard(row),
        "name": row.name,
        "admin_state_up": row.admin_state_up,
        "status": ACTIVE,
        "external_gateway_info": outside[0] if outside else None,
        "external_gateways": outside,
        "enable_default_route_bfd": row.enable_default_route_bfd,
        "enable_default_route_ecmp": row.enable_default_route_ecmp,
        "enable_ndp_proxy": row.enable_ndp_proxy,
        "routes": routes(row.routes),
        "availability_zone_hints": row.availability_zone_hints,
        "availability_zones": [ZONE] if row.host else [],
        "enable_snat": row.enable_snat,
        "distributed": row.distributed,
        "ha": row.ha,
        "conntrack_helpers": list(helpers),
        "flavor_id": row.flavor_id,
    }


def interface(router_id: str, project_id: str, row: Port, subnet_ids: Sequence[str]) -> Body:
    """The answer of adding or removing a router's interface."""
    return {
        "id": router_id,
        "project_id": project_id,
        "tenant_id": project_id,
        "port_id": row.id,
        "network_id": row.network_id,
        "subnet_id": subnet_ids[0],
        "subnet_ids": subnet_ids,
        "tags": [],
    }


def floatingip(row: FloatingIp, inside: Port | None, forwardings: Iterable[Body]) -> Body:
    """``inside``: the port that it leads to."""
    details = None
    if inside is not None:
        names = ("name", "network_id", "mac_address", "admin_state_up", "status", "device_id", "device_owner")
        details = {name: getattr(inside, name) for name in names}
    return {
        **standard(row),
        "floating_network_id": row.floating_network_id,
        "floating_ip_address": row.floating_ip_address,
        "fixed_ip_address": row.fixed_ip_address,
        "port_id": row.port_id,
        "router_id": row.router_id,
        "status": row.status,
        "qos_policy_id": row.qos_policy_id,
        "port_details": details,
        "port_forwardings": list(forwardings),
    }


def rule(row: SecurityGroupRule) -> Body:
    """A security group rule. ``normalized_cidr``: the prefix without host bits."""
    prefix = row.remote_ip_prefix
    return {
        **standard(row),
        "security_group_id": row.security_group_id,
        "direction": row.direction,
        "ethertype": row.ethertype,
        "protocol": row.protocol,
        "port_range_min": row.port_range_min,
        "port_range_max": row.port_range_max,
        "remote_ip_prefix": prefix,
        "normalized_cidr": str(ip_network(prefix, strict=False)) if prefix else None,
        "remote_group_id": row.remote_group_id,
        "remote_address_group_id": row.remote_address_group_id,
    }


def group(row: SecurityGroup, rules: Iterable[SecurityGroupRule], *, shared: bool) -> Body:
    """A security group with its rules."""
    return {
        **standard(row),
        "name": row.name,
        "stateful": row.stateful,
        "shared": shared,
        "security_group_rules": [rule(one) for one in rules],
    }


def agent(row: Agent, *, alive: bool) -> Body:
    """A role of a host's agent."""
    return {
        "id": row.id,
        "agent_type": AGENT_TYPES[row.role],
        "binary": BINARY,
        "topic": AGENT_TOPICS.get(row.role, "N/A"),
        "host": row.host,
        "admin_state_up": row.admin_state_up,
        "alive": alive,
        "availability_zone": ZONE if row.role in AGENT_TOPICS else None,
        "description": row.description or None,
        "configurations": {
            "tunnel_ip": row.tunnel_ip,
            "physical_networks": row.physical_networks,
            **({"agent_mode": "legacy"} if row.role == "l3" else {}),
        },
        "created_at": iso(row.created_at).replace("T", " ").rstrip("Z"),
        "started_at": iso(row.started_at).replace("T", " ").rstrip("Z"),
        "heartbeat_timestamp": iso(row.heartbeat_at).replace("T", " ").rstrip("Z"),
        "resources_synced": None,
    }


def chosen(body: Body, fields: Sequence[str]) -> Body:
    """Only what ``fields`` names, if it names something."""
    return {name: value for name, value in body.items() if name in fields} if fields else body


def quota_set(limits: Mapping[str, int]) -> Body:
    """Limits by resource."""
    return {"quota": dict(limits)}
