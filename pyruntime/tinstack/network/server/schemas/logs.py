"""Bodies of logs. Source: Network API reference, Logging Resource."""

from tinstack.network.server.bodies import Kind
from tinstack.network.server.schemas.words import BOOLEAN, DESCRIPTION, NAME, UUID_OR_NULL, Words

_UPDATE: Words = {"name": NAME, "description": DESCRIPTION, "enabled": BOOLEAN}

LOG = Kind(
    "log",
    "logs",
    create={
        **_UPDATE,
        "resource_type": {"type": "string", "maxLength": 255},
        "resource_id": UUID_OR_NULL,
        "target_id": UUID_OR_NULL,
        "event": {"enum": ["ACCEPT", "DROP", "ALL"]},
    },
    update=_UPDATE,
    required=("resource_type",),
)
