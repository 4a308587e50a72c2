"""Bodies of agents, quotas and tags. Source: Network API reference, those sections."""

from typing import Any

from tinstack.network.server.bodies import Kind
from tinstack.network.server.quotas import BUILT_IN
from tinstack.network.server.schemas.words import BOOLEAN, DESCRIPTION, TAGS, UUID

AGENT = Kind(
    "agent",
    "agents",
    create={},
    update={"admin_state_up": BOOLEAN, "description": {**DESCRIPTION, "type": ["string", "null"]}},
    shown=("alive", "host", "binary", "agent_type", "topic", "configurations", "availability_zone"),
)

QUOTA = Kind(
    "quota",
    "quotas",
    create={},
    update={
        **{name: {"type": "integer", "minimum": -1, "maximum": 2**31 - 1} for name in BUILT_IN},
        "check_limit": BOOLEAN,
        "force": BOOLEAN,
    },
)

REPLACE_TAGS: dict[str, Any] = {
    "type": "object",
    "properties": {"tags": {**TAGS, "uniqueItems": True}},
    "required": ["tags"],
    "additionalProperties": False,
}


def _naming(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: UUID}, "required": [name], "additionalProperties": False}


HOSTED_ROUTER, HOSTED_NETWORK = _naming("router_id"), _naming("network_id")
"""What an agent is to serve."""
