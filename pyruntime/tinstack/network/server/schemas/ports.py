"""Bodies of ports. Source: Network API reference, Ports, with binding, security, DHCP option and DNS extensions."""

from tinstack.network.server.bodies import Kind
from tinstack.network.server.schemas.words import (
    BOOLEAN,
    CIDR_TEXT,
    DESCRIPTION,
    FIXED_IPS,
    MAC,
    NAME,
    TAGS,
    UUID,
    UUID_OR_NULL,
    Words,
)

PAIRS: Words = {
    "type": ["array", "null"],
    "maxItems": 10,
    "items": {
        "type": "object",
        "properties": {"ip_address": CIDR_TEXT, "mac_address": MAC},
        "required": ["ip_address"],
        "additionalProperties": False,
    },
}
OPTIONS: Words = {
    "type": ["array", "null"],
    "maxItems": 20,
    "items": {
        "type": "object",
        "properties": {
            "opt_name": {"type": "string", "minLength": 1, "maxLength": 64},
            "opt_value": {"type": ["string", "null"], "maxLength": 255},
            "ip_version": {"enum": [4, 6, "4", "6"]},
        },
        "required": ["opt_name"],
        "additionalProperties": False,
    },
}


def _only(**properties: Words) -> Words:
    return {"type": "object", "properties": properties, "additionalProperties": False}


HINTS: Words = {
    **_only(openvswitch=_only(other_config=_only(**{"tx-steering": {"enum": ["thread", "hash"]}}))),
    "type": ["object", "null"],
}

_UPDATE: Words = {
    "name": NAME,
    "description": DESCRIPTION,
    "admin_state_up": BOOLEAN,
    "mac_address": {**MAC, "type": ["string", "null"]},
    "fixed_ips": FIXED_IPS,
    "device_id": {"type": "string", "maxLength": 255},
    "device_owner": {"type": "string", "maxLength": 255},
    "security_groups": {"type": ["array", "null"], "items": UUID},
    "port_security_enabled": BOOLEAN,
    "allowed_address_pairs": PAIRS,
    "extra_dhcp_opts": OPTIONS,
    "dns_name": {"type": "string", "maxLength": 255},
    "dns_domain": {"type": "string", "maxLength": 255},
    "propagate_uplink_status": BOOLEAN,
    "numa_affinity_policy": {"enum": ["required", "preferred", "legacy", "socket", None]},
    "trusted": BOOLEAN,
    "hints": HINTS,
    "qos_policy_id": UUID_OR_NULL,
    "binding:host_id": {"type": ["string", "null"], "maxLength": 255},
    "binding:profile": {"type": ["object", "null"]},
    "binding:vnic_type": {
        "enum": ["normal", "direct", "macvtap", "baremetal", "direct-physical", "virtio-forwarder", "smart-nic", "vdpa"]
    },
}

SHOWN = (
    "dns_assignment",
    "ip_allocation",
    "binding:vif_type",
    "binding:vif_details",
    "qos_network_policy_id",
    "resource_request",
    "trunk_details",
    "tags",
)

PORT = Kind(
    "port",
    "ports",
    create={**_UPDATE, "network_id": UUID, "tags": TAGS},
    update=_UPDATE,
    required=("network_id",),
    shown=SHOWN,
)
PORT_WITH_ID = Kind(
    "port",
    "ports",
    create={**_UPDATE, "network_id": UUID, "tags": TAGS, "id": UUID},
    update=_UPDATE,
    required=("network_id",),
    shown=SHOWN,
)
"""For hosts with a launch token and our own services: they choose ids before the effect."""

DEFAULTS = {"port_security_enabled": True, "binding:profile": {}, "binding:host_id": "", "device_owner": ""}
COLUMNS = {
    "binding:host_id": "binding_host",
    "binding:profile": "binding_profile",
    "binding:vnic_type": "binding_vnic_type",
}
