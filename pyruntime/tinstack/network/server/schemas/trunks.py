"""Bodies of trunks. Source: Network API reference, Trunks."""

from tinstack.network.server.bodies import Kind
from tinstack.network.server.schemas.words import BOOLEAN, DESCRIPTION, NAME, UUID, Words

_SUB_PORT: Words = {
    "type": "object",
    "properties": {
        "port_id": UUID,
        "segmentation_type": {"type": ["string", "null"], "maxLength": 32},
        "segmentation_id": {"type": ["integer", "null"]},
    },
    "required": ["port_id"],
    "additionalProperties": False,
}
_SUB_PORTS: Words = {"type": "array", "items": _SUB_PORT, "maxItems": 4094}
_UPDATE: Words = {"name": NAME, "description": DESCRIPTION, "admin_state_up": BOOLEAN}

TRUNK = Kind(
    "trunk",
    "trunks",
    create={**_UPDATE, "port_id": UUID, "sub_ports": {**_SUB_PORTS, "type": ["array", "null"]}},
    update=_UPDATE,
    required=("port_id",),
    shown=("sub_ports", "tags"),
)

SUB_PORTS: Words = {
    "type": "object",
    "properties": {"sub_ports": _SUB_PORTS},
    "required": ["sub_ports"],
    "additionalProperties": False,
}
