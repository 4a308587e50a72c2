"""Bodies of RBAC policies. Source: Network API reference, RBAC policies."""

from tinstack.network.server.bodies import Kind
from tinstack.network.server.schemas.words import Words

_TEXT: Words = {"type": "string", "minLength": 1, "maxLength": 255}

RBAC_POLICY = Kind(
    "rbac_policy",
    "rbac_policies",
    create={"object_type": _TEXT, "object_id": _TEXT, "action": _TEXT, "target_tenant": _TEXT},
    update={"target_tenant": _TEXT},
    required=("object_type", "object_id", "action", "target_tenant"),
)
