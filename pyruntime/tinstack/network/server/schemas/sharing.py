"""Bodies of RBAC policies, address scopes and groups. Source: Network API reference, those sections."""

from tinstack.network.server.bodies import Kind
from tinstack.network.server.schemas.words import BOOLEAN, CIDR_TEXT, DESCRIPTION, NAME, Words

_TEXT: Words = {"type": "string", "minLength": 1, "maxLength": 255}

RBAC_POLICY = Kind(
    "rbac_policy",
    "rbac_policies",
    create={"object_type": _TEXT, "object_id": _TEXT, "action": _TEXT, "target_tenant": _TEXT},
    update={"target_tenant": _TEXT},
    required=("object_type", "object_id", "action", "target_tenant"),
)

_SCOPE: Words = {"name": NAME, "shared": BOOLEAN}

ADDRESS_SCOPE = Kind(
    "address_scope",
    "address_scopes",
    create={**_SCOPE, "ip_version": {"type": "integer", "enum": [4, 6]}},
    update=_SCOPE,
    required=("ip_version",),
)
SCOPE_DEFAULTS = {"shared": False}

_GROUP: Words = {"name": NAME, "description": DESCRIPTION}
_PREFIX: Words = {**CIDR_TEXT, "pattern": "/"}

ADDRESS_GROUP = Kind(
    "address_group",
    "address_groups",
    create={**_GROUP, "addresses": {"type": ["array", "null"], "items": _PREFIX}},
    update=_GROUP,
    shown=("addresses", "shared", "tags"),
)

ADDRESSES: Words = {
    "type": "object",
    "properties": {"addresses": {"type": "array", "items": {"type": "string", "maxLength": 64}}},
    "required": ["addresses"],
    "additionalProperties": False,
}
