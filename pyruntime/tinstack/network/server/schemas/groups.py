"""Bodies of security groups and rules. Source: Network API reference, Security groups."""

from tinstack.network.server.bodies import Kind
from tinstack.network.server.schemas.words import BOOLEAN, DESCRIPTION, NAME, UUID, Words

_GROUP: Words = {"name": NAME, "description": DESCRIPTION, "stateful": BOOLEAN}

GROUP = Kind(
    "security_group",
    "security_groups",
    create=_GROUP,
    update=_GROUP,
    shown=("security_group_rules", "shared", "tags"),
)

_PORT: Words = {"type": ["integer", "null"]}

RULE = Kind(
    "security_group_rule",
    "security_group_rules",
    create={
        "security_group_id": UUID,
        "direction": {"type": "string", "pattern": "^(?i:ingress|egress)$"},
        "ethertype": {"type": ["string", "null"], "maxLength": 8},
        "protocol": {"type": ["string", "integer", "null"], "maxLength": 32},
        "port_range_min": _PORT,
        "port_range_max": _PORT,
        "remote_ip_prefix": {"type": ["string", "null"], "maxLength": 64},
        "remote_group_id": {"type": ["string", "null"], "maxLength": 255},  # whatever names no group is 404
        "remote_address_group_id": {"type": ["string", "null"], "maxLength": 255},
        "description": DESCRIPTION,
    },
    update={},
    required=("security_group_id", "direction"),
    shown=("normalized_cidr", "tags"),
)
