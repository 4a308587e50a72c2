"""What each list of the API may be filtered and sorted by, and what of it a project sees."""

from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, or_, select

from tinstack.core.http.request import TRUE
from tinstack.network.server import store
from tinstack.network.server import tables as t
from tinstack.network.server.listing import Attribute, Listing, Special, Visible, plain_ip
from tinstack.network.server.sharing import is_shared, visible

_N, _S, _B, _P, _A, _G, _R, _F, _SG, _U = (
    t.networks.c, t.subnets.c, t.subnetpools.c, t.ports.c, t.allocations.c, t.port_groups.c, t.routers.c,
    t.floatingips.c, t.groups.c, t.rules.c,
)  # fmt: skip


def mine(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """The column names the caller's project."""
    return column == bindparam("project")


def own(column: ColumnElement[Any]) -> Visible:
    """A project sees its own."""
    return lambda: mine(column)


def _with_address(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return _P.id.in_(select(_A.port_id).where(condition))


def shared(kind: str, column: ColumnElement[Any]) -> Special:
    """``shared`` as the caller is shown it."""
    return Special(
        lambda name: is_shared(kind, column, "viewer") == bindparam(name), lambda text: int(text.lower() in TRUE)
    )


NETWORKS = Listing(
    store.networks,
    "/v2.0/networks",
    lambda: or_(mine(_N.project_id), visible("network", _N.id)),
    {
        "admin_state_up": Attribute(_N.admin_state_up, "bool"),
        "router:external": Attribute(_N.external, "bool"),
        "is_default": Attribute(_N.is_default, "bool"),
        "port_security_enabled": Attribute(_N.port_security_enabled, "bool"),
        "mtu": Attribute(_N.mtu, "int"),
        "dns_domain": Attribute(_N.dns_domain),
        "provider:network_type": Attribute(_N.kind),
        "provider:physical_network": Attribute(_N.physical_network, nullable=True),
        "provider:segmentation_id": Attribute(_N.segment, "int", nullable=True),
    },
    {
        "subnets": Special(lambda name: _N.id.in_(select(_S.network_id).where(_S.id == bindparam(name)))),
        "status": Special(lambda name: bindparam(name) == "ACTIVE"),
        "shared": shared("network", _N.id),
    },
)

SUBNETS = Listing(
    store.subnets,
    "/v2.0/subnets",
    lambda: or_(
        mine(_S.project_id),
        _S.network_id.in_(select(_N.id).where(mine(_N.project_id))),
        visible("network", _S.network_id),
    ),
    {
        "network_id": Attribute(_S.network_id),
        "ip_version": Attribute(_S.ip_version, "int"),
        "cidr": Attribute(_S.cidr),
        "gateway_ip": Attribute(_S.gateway_ip, "ip", nullable=True),
        "enable_dhcp": Attribute(_S.enable_dhcp, "bool"),
        "ipv6_ra_mode": Attribute(_S.ipv6_ra_mode, nullable=True),
        "ipv6_address_mode": Attribute(_S.ipv6_address_mode, nullable=True),
        "subnetpool_id": Attribute(_S.subnetpool_id, nullable=True),
        "segment_id": Attribute(_S.segment_id, nullable=True),
        "dns_publish_fixed_ip": Attribute(_S.dns_publish_fixed_ip, "bool"),
    },
    {
        "router:external": Special(
            lambda name: _S.network_id.in_(select(_N.id).where(_N.external == bindparam(name))),
            lambda text: int(text.lower() in TRUE),
        ),
        "shared": shared("network", _S.network_id),
    },
)

SUBNETPOOLS = Listing(
    store.subnetpools,
    "/v2.0/subnetpools",
    lambda: or_(mine(_B.project_id), visible("subnetpool", _B.id)),
    {
        "ip_version": Attribute(_B.ip_version, "int"),
        "default_prefixlen": Attribute(_B.default_prefixlen, "int"),
        "min_prefixlen": Attribute(_B.min_prefixlen, "int"),
        "max_prefixlen": Attribute(_B.max_prefixlen, "int"),
        "default_quota": Attribute(_B.default_quota, "int", nullable=True),
        "address_scope_id": Attribute(_B.address_scope_id, nullable=True),
        "is_default": Attribute(_B.is_default, "bool"),
    },
    {"shared": shared("subnetpool", _B.id)},
)

PORTS = Listing(
    store.ports,
    "/v2.0/ports",
    lambda: or_(mine(_P.project_id), _P.network_id.in_(select(_N.id).where(mine(_N.project_id)))),
    {
        "network_id": Attribute(_P.network_id),
        "mac_address": Attribute(_P.mac_address),
        "admin_state_up": Attribute(_P.admin_state_up, "bool"),
        "status": Attribute(_P.status),
        "device_id": Attribute(_P.device_id),
        "device_owner": Attribute(_P.device_owner),
        "port_security_enabled": Attribute(_P.port_security_enabled, "bool"),
        "dns_name": Attribute(_P.dns_name),
        "dns_domain": Attribute(_P.dns_domain),
        "propagate_uplink_status": Attribute(_P.propagate_uplink_status, "bool"),
        "numa_affinity_policy": Attribute(_P.numa_affinity_policy, nullable=True),
        "binding:host_id": Attribute(_P.binding_host),
        "binding:vnic_type": Attribute(_P.binding_vnic_type),
        "binding:vif_type": Attribute(_P.binding_vif_type),
    },
    {
        "fixed_ips=ip_address": Special(lambda name: _with_address(_A.ip == bindparam(name)), plain_ip),
        "fixed_ips=subnet_id": Special(lambda name: _with_address(_A.subnet_id == bindparam(name))),
        "fixed_ips=ip_address_substr": Special(lambda name: _with_address(func.instr(_A.ip, bindparam(name)) > 0)),
        "security_groups": Special(
            lambda name: _P.id.in_(select(_G.port_id).where(_G.group_id == bindparam(name))),
        ),
    },
)

ROUTERS = Listing(
    store.routers,
    "/v2.0/routers",
    own(_R.project_id),
    {
        "admin_state_up": Attribute(_R.admin_state_up, "bool"),
        "enable_snat": Attribute(_R.enable_snat, "bool"),
        "distributed": Attribute(_R.distributed, "bool"),
        "ha": Attribute(_R.ha, "bool"),
        "enable_ndp_proxy": Attribute(_R.enable_ndp_proxy, "bool"),
    },
    {"status": Special(lambda name: bindparam(name) == "ACTIVE")},
)

FLOATINGIPS = Listing(
    store.floatingips,
    "/v2.0/floatingips",
    own(_F.project_id),
    {
        "floating_network_id": Attribute(_F.floating_network_id),
        "floating_ip_address": Attribute(_F.floating_ip_address, "ip"),
        "port_id": Attribute(_F.port_id, nullable=True),
        "fixed_ip_address": Attribute(_F.fixed_ip_address, "ip", nullable=True),
        "router_id": Attribute(_F.router_id, nullable=True),
        "status": Attribute(_F.status),
    },
)

GROUPS = Listing(
    store.groups,
    "/v2.0/security-groups",
    lambda: or_(mine(_SG.project_id), visible("security_group", _SG.id)),
    {"stateful": Attribute(_SG.stateful, "bool")},
    {"shared": shared("security_group", _SG.id)},
)

RULES = Listing(
    store.rules,
    "/v2.0/security-group-rules",
    lambda: or_(
        mine(_U.project_id),
        _U.security_group_id.in_(select(_SG.id).where(mine(_SG.project_id))),
        visible("security_group", _U.security_group_id),
    ),
    {
        "security_group_id": Attribute(_U.security_group_id),
        "direction": Attribute(_U.direction),
        "ethertype": Attribute(_U.ethertype),
        "protocol": Attribute(_U.protocol, nullable=True),
        "port_range_min": Attribute(_U.port_range_min, "int", nullable=True),
        "port_range_max": Attribute(_U.port_range_max, "int", nullable=True),
        "remote_ip_prefix": Attribute(_U.remote_ip_prefix, nullable=True),
        "remote_group_id": Attribute(_U.remote_group_id, nullable=True),
        "remote_address_group_id": Attribute(_U.remote_address_group_id, nullable=True),
    },
)
