"""Bodies of networks. Source: Network API reference, Networks, with provider, external, MTU and DNS extensions."""

from tinstack.network.server.bodies import Kind
from tinstack.network.server.schemas.words import BOOLEAN, DESCRIPTION, NAME, UUID_OR_NULL, ZONES, Words

_UPDATE: Words = {
    "name": NAME,
    "description": DESCRIPTION,
    "admin_state_up": BOOLEAN,
    "shared": BOOLEAN,
    "router:external": BOOLEAN,
    "is_default": BOOLEAN,
    "port_security_enabled": BOOLEAN,
    "mtu": {"type": "integer", "minimum": 0},
    "dns_domain": {"type": "string", "maxLength": 255},
    "qos_policy_id": UUID_OR_NULL,
    "provider:network_type": {"type": ["string", "null"], "maxLength": 32},
    "provider:physical_network": {"type": ["string", "null"], "maxLength": 64},
    "provider:segmentation_id": {"type": ["integer", "null"]},
}

_SEGMENT: Words = {
    "type": "object",
    "properties": {name: _UPDATE[name] for name in _UPDATE if name.startswith("provider:")},
    "additionalProperties": False,
}

NETWORK = Kind(
    "network",
    "networks",
    create={
        **_UPDATE,
        "segments": {"type": "array", "items": _SEGMENT, "minItems": 1, "maxItems": 64},
        "availability_zone_hints": ZONES,
    },
    update=_UPDATE,
    shown=(
        "subnets",
        "availability_zones",
        "availability_zone_hints",
        "ipv4_address_scope",
        "ipv6_address_scope",
        "tags",
    ),
)
DEFAULTS = {"shared": False, "router:external": False, "is_default": False}
COLUMNS = {
    "router:external": "external",
    "provider:network_type": "kind",
    "provider:physical_network": "physical_network",
    "provider:segmentation_id": "segment",
}
"""Attributes whose column has another name."""
