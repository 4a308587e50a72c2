"""Bodies of subnets and subnet pools. Source: Network API reference, Subnets and Subnet pools."""

from tinstack.network.server.bodies import Kind
from tinstack.network.server.schemas.words import (
    BOOLEAN,
    CIDR_TEXT,
    DESCRIPTION,
    IP,
    IP_OR_NULL,
    NAME,
    ROUTES,
    UUID,
    UUID_OR_NULL,
    Words,
)

POOLS: Words = {
    "type": ["array", "null"],
    "maxItems": 200,
    "items": {
        "type": "object",
        "properties": {"start": IP, "end": IP},
        "required": ["start", "end"],
        "additionalProperties": False,
    },
}
MODE: Words = {"enum": ["slaac", "dhcpv6-stateful", "dhcpv6-stateless", None]}
NAMESERVERS: Words = {"type": ["array", "null"], "items": IP, "uniqueItems": True, "maxItems": 5}

_UPDATE: Words = {
    "name": NAME,
    "description": DESCRIPTION,
    "enable_dhcp": BOOLEAN,
    "dns_publish_fixed_ip": BOOLEAN,
    "segment_id": UUID_OR_NULL,
    "gateway_ip": IP_OR_NULL,
    "dns_nameservers": NAMESERVERS,
    "host_routes": {**ROUTES, "maxItems": 20},
    "allocation_pools": POOLS,
    "service_types": {"type": "array", "items": {"type": "string", "maxLength": 255}, "maxItems": 50},
}

SUBNET = Kind(
    "subnet",
    "subnets",
    create={
        **_UPDATE,
        "network_id": UUID,
        "ip_version": {"type": "integer", "enum": [4, 6]},
        "cidr": {**CIDR_TEXT, "type": ["string", "null"]},
        "prefixlen": {"type": ["integer", "null"], "minimum": 0, "maximum": 128},
        "subnetpool_id": UUID_OR_NULL,
        "use_default_subnetpool": BOOLEAN,
        "ipv6_ra_mode": MODE,
        "ipv6_address_mode": MODE,
    },
    update=_UPDATE,
    required=("network_id", "ip_version"),
    shown=("tags", "router:external"),
)

_LENGTH: Words = {"type": ["integer", "null"], "minimum": 0, "maximum": 128}
_POOL: Words = {
    "name": NAME,
    "description": DESCRIPTION,
    "prefixes": {"type": "array", "items": CIDR_TEXT, "minItems": 1, "maxItems": 500, "uniqueItems": True},
    "default_prefixlen": _LENGTH,
    "min_prefixlen": _LENGTH,
    "max_prefixlen": _LENGTH,
    "default_quota": {"type": ["integer", "null"], "minimum": 0, "maximum": 2**31 - 1},
    "is_default": BOOLEAN,
}

SUBNETPOOL = Kind(
    "subnetpool",
    "subnetpools",
    create={**_POOL, "shared": BOOLEAN, "address_scope_id": UUID_OR_NULL},
    update={**_POOL, "address_scope_id": UUID_OR_NULL},
    required=("name", "prefixes"),
    shown=("ip_version", "tags"),
)
POOL_DEFAULTS = {"shared": False, "is_default": False}

PREFIXES: Words = {
    "type": "object",
    "properties": {"prefixes": {**_POOL["prefixes"]}},
    "required": ["prefixes"],
    "additionalProperties": False,
}
ONBOARD: Words = {
    "type": "object",
    "properties": {"network_id": UUID},
    "required": ["network_id"],
    "additionalProperties": False,
}
