"""Bodies of NDP proxies. Source: Network API reference, NDP proxy."""

from tinstack.network.server.bodies import Kind
from tinstack.network.server.schemas.words import DESCRIPTION, NAME, UUID, Words

_UPDATE: Words = {"name": NAME, "description": DESCRIPTION}

PROXY = Kind(
    "ndp_proxy",
    "ndp_proxies",
    create={
        **_UPDATE,
        "router_id": UUID,
        "port_id": UUID,
        "ip_address": {"type": ["string", "null"], "anyOf": [{"type": "null"}, {"format": "ipv6"}]},
    },
    update=_UPDATE,
    required=("router_id", "port_id"),
)
