"""Bodies of routers and floating IPs. Source: Network API reference, Routers and Floating IPs."""

from tinstack.network.server.bodies import Kind
from tinstack.network.server.schemas.words import (
    BOOLEAN,
    DESCRIPTION,
    FIXED_IPS,
    IP,
    IP_OR_NULL,
    NAME,
    ROUTES,
    UUID,
    UUID_OR_NULL,
    ZONES,
    Words,
)

GATEWAY: Words = {
    "type": ["object", "null"],
    "properties": {
        "network_id": UUID_OR_NULL,
        "enable_snat": BOOLEAN,
        "external_fixed_ips": {**FIXED_IPS, "type": "array"},
        "qos_policy_id": UUID_OR_NULL,
    },
    "additionalProperties": False,
}

_UPDATE: Words = {
    "name": NAME,
    "description": DESCRIPTION,
    "admin_state_up": BOOLEAN,
    "external_gateway_info": GATEWAY,
    "distributed": BOOLEAN,
    "ha": BOOLEAN,
    "enable_default_route_bfd": {"type": ["boolean", "null"]},
    "enable_default_route_ecmp": {"type": ["boolean", "null"]},
    "enable_ndp_proxy": {"type": ["boolean", "null"]},
}

ROUTER = Kind(
    "router",
    "routers",
    create={**_UPDATE, "availability_zone_hints": ZONES, "flavor_id": UUID_OR_NULL},
    update={**_UPDATE, "routes": {**ROUTES, "maxItems": 30}},
    shown=(
        "routes",
        "external_gateways",
        "conntrack_helpers",
        "flavor_id",
        "availability_zones",
        "availability_zone_hints",
        "tags",
    ),
)

INTERFACE: Words = {
    "type": "object",
    "properties": {"subnet_id": UUID, "port_id": UUID},
    "additionalProperties": False,
}

EXTRA_ROUTES: Words = {
    "type": "object",
    "properties": {
        "router": {
            "type": "object",
            "properties": {"routes": {**ROUTES, "type": "array"}},
            "required": ["routes"],
            "additionalProperties": False,
        }
    },
    "required": ["router"],
    "additionalProperties": False,
}

GATEWAYS: Words = {
    "type": "object",
    "properties": {
        "router": {
            "type": "object",
            "properties": {
                # Stock clients send {} where they mean all.
                "external_gateways": {
                    "type": ["array", "object"],
                    "maxProperties": 0,
                    "maxItems": 16,
                    "items": {
                        "type": "object",
                        "properties": {
                            "network_id": UUID,
                            "enable_snat": BOOLEAN,
                            "external_fixed_ips": {**FIXED_IPS, "type": "array"},
                            "qos_policy_id": UUID_OR_NULL,
                        },
                        "required": ["network_id"],
                        "additionalProperties": False,
                    },
                }
            },
            "required": ["external_gateways"],
            "additionalProperties": False,
        }
    },
    "required": ["router"],
    "additionalProperties": False,
}

_FLOATING: Words = {
    "description": DESCRIPTION,
    "port_id": UUID_OR_NULL,
    "fixed_ip_address": IP_OR_NULL,
    "router_id": UUID_OR_NULL,
    "qos_policy_id": UUID_OR_NULL,
}

FLOATINGIP = Kind(
    "floatingip",
    "floatingips",
    create={**_FLOATING, "floating_network_id": UUID, "floating_ip_address": IP, "subnet_id": UUID_OR_NULL},
    update=_FLOATING,
    required=("floating_network_id",),
    shown=("port_details", "port_forwardings", "tags", "floating_network_id", "floating_ip_address"),
)
