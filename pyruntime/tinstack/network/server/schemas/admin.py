"""Bodies of agents, quotas and tags. Source: Network API reference, those sections."""

from typing import Any

from tinstack.network.server.bodies import Kind
from tinstack.network.server.quotas import BUILT_IN
from tinstack.network.server.schemas.words import BOOLEAN, DESCRIPTION, TAGS

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
    },
)

REPLACE_TAGS: dict[str, Any] = {
    "type": "object",
    "properties": {"tags": {**TAGS, "uniqueItems": True}},
    "required": ["tags"],
    "additionalProperties": False,
}
