"""Bodies of port forwardings and conntrack helpers. Source: Network API reference, those sections."""

from tinstack.network.server.bodies import Kind
from tinstack.network.server.schemas.words import DESCRIPTION, UUID, Words

NUMBER: Words = {"type": "integer", "minimum": 1, "maximum": 65535}
NUMBER_OR_NULL: Words = {**NUMBER, "type": ["integer", "null"]}
RANGE: Words = {"type": ["string", "null"], "pattern": "^[0-9]{1,5}(:[0-9]{1,5})?$"}
PROTOCOL: Words = {"enum": ["tcp", "udp", "icmp", "icmp6", "sctp", "dccp"]}

_FORWARDING: Words = {
    "description": DESCRIPTION,
    "internal_port_id": UUID,
    "internal_ip_address": {"type": ["string", "null"], "anyOf": [{"type": "null"}, {"format": "ipv4"}]},
    "internal_port": NUMBER_OR_NULL,
    "internal_port_range": RANGE,
    "external_port": NUMBER_OR_NULL,
    "external_port_range": RANGE,
    "protocol": PROTOCOL,
}
FORWARDING = Kind(
    "port_forwarding",
    "port_forwardings",
    create=_FORWARDING,
    update=_FORWARDING,
    required=("internal_port_id", "protocol"),
)

_HELPER: Words = {"protocol": PROTOCOL, "port": NUMBER, "helper": {"type": "string", "maxLength": 64}}
HELPER = Kind(
    "conntrack_helper",
    "conntrack_helpers",
    create=_HELPER,
    update=_HELPER,
    required=("protocol", "port", "helper"),
)
