"""Bodies of segments. Source: Network API reference, Segments."""

from tinstack.network.server.bodies import Kind
from tinstack.network.server.schemas.words import DESCRIPTION, UUID, Words

_UPDATE: Words = {
    "name": {"type": ["string", "null"], "maxLength": 255},
    "description": {**DESCRIPTION, "type": ["string", "null"]},
}

SEGMENT = Kind(
    "segment",
    "segments",
    create={
        **_UPDATE,
        "network_id": UUID,
        "network_type": {"type": "string", "maxLength": 32},
        "physical_network": {"type": ["string", "null"], "maxLength": 64},
        "segmentation_id": {"type": ["integer", "null"]},
    },
    update=_UPDATE,
    required=("network_id", "network_type"),
)
