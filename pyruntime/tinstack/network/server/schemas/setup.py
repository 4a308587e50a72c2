"""Bodies of flavors, service profiles, default rules and ranges of segments. Source: Network API reference, those sections."""

from tinstack.network.server.bodies import Kind
from tinstack.network.server.schemas.words import BOOLEAN, NAME, UUID, Words

TEXT_OR_NULL: Words = {"type": ["string", "null"], "maxLength": 255}
ENABLED: Words = {"type": ["boolean", "null"]}

FLAVOR = Kind(
    "flavor",
    "flavors",
    create={
        "name": NAME,
        "description": TEXT_OR_NULL,
        "service_type": {"type": "string", "maxLength": 36},
        "enabled": BOOLEAN,
    },
    update={"name": NAME, "description": TEXT_OR_NULL, "enabled": BOOLEAN},
    required=("service_type",),
    shown=("service_profiles",),
)

_PROFILE: Words = {
    "description": TEXT_OR_NULL,
    "driver": {"type": "string", "maxLength": 1024},
    "metainfo": {"type": "string", "maxLength": 4096},
    "enabled": BOOLEAN,
}
PROFILE = Kind("service_profile", "service_profiles", create=_PROFILE, update=_PROFILE)

PROFILE_OF_FLAVOR: Words = {
    "type": "object",
    "properties": {
        "service_profile": {
            "type": "object",
            "properties": {"id": UUID, "tenant_id": {}, "project_id": {}},
            "required": ["id"],
            "additionalProperties": False,
        }
    },
    "required": ["service_profile"],
    "additionalProperties": False,
}

_PORT: Words = {"type": ["integer", "null"]}

DEFAULT_RULE = Kind(
    "default_security_group_rule",
    "default_security_group_rules",
    create={
        "direction": {"type": "string", "pattern": "^(?i:ingress|egress)$"},
        "ethertype": {"type": ["string", "null"], "maxLength": 8},
        "protocol": {"type": ["string", "integer", "null"], "maxLength": 32},
        "port_range_min": _PORT,
        "port_range_max": _PORT,
        "remote_ip_prefix": {"type": ["string", "null"], "maxLength": 64},
        "remote_group_id": {"type": ["string", "null"], "maxLength": 36},
        "remote_address_group_id": {"type": "null"},
        "used_in_default_sg": BOOLEAN,
        "used_in_non_default_sg": BOOLEAN,
        "description": {"type": "string", "maxLength": 255},
    },
    update={},
    required=("direction",),
)

_NUMBER: Words = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
_RANGE: Words = {
    "name": NAME,
    "description": {"type": "string", "maxLength": 255},
    "minimum": _NUMBER,
    "maximum": _NUMBER,
}

SEGMENT_RANGE = Kind(
    "network_segment_range",
    "network_segment_ranges",
    create={
        **_RANGE,
        "default": {"enum": [False]},
        "shared": BOOLEAN,
        "network_type": {"enum": ["vlan", "vxlan", "gre"]},
        "physical_network": {"type": ["string", "null"], "maxLength": 64},
    },
    update=_RANGE,
    required=("network_type", "minimum", "maximum"),
    shown=("used", "available"),
)
