"""Servers: create, update, metadata, tags. Source: compute API reference, "Servers"."""

from tinstack.api.schemas.words import (
    BASE64,
    BOOLEAN,
    DESCRIPTION,
    DEVICE_TAG,
    DISK_CONFIG,
    FQDN,
    FQDN_LABEL,
    HOSTNAME,
    IPV4,
    IPV6,
    METADATA,
    NAME,
    PASSWORD,
    STRING,
    TAGS,
    UUID,
    Json,
    integer,
    keyed,
    listed,
    object_of,
    wrapped,
)
from tinstack.core.http import V, Version, versions
from tinstack.core.http.routes import parse_version

ADDRESS_OR_EMPTY_4: Json = {"anyOf": [IPV4, {"enum": ["", None]}]}
ADDRESS_OR_EMPTY_6: Json = {"anyOf": [IPV6, {"enum": ["", None]}]}
CERTS: Json = {
    "type": ["array", "null"],
    "minItems": 1,
    "maxItems": 50,
    "uniqueItems": True,
    "items": {"type": "string", "minLength": 1},
}


def _network(version: Version) -> Json:
    network: Json = {
        "fixed_ip": {"anyOf": [IPV4, IPV6]},
        "port": {"anyOf": [UUID, {"type": "null"}]},
        "uuid": UUID,
    }
    if version == V(2, 32) or version >= V(2, 42):
        network["tag"] = DEVICE_TAG
    listing = listed(keyed(network))
    if version >= V(2, 37):
        return {"oneOf": [listing, {"type": "string", "enum": ["none", "auto"]}]}
    return listing


_DEVICE: Json = {
    "virtual_name": {"type": "string", "maxLength": 255},
    "volume_id": UUID,
    "snapshot_id": UUID,
    "volume_size": {"anyOf": [integer(1), {"type": "null"}]},
    "device_name": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[a-zA-Z0-9._/-]*$"},
    "delete_on_termination": BOOLEAN,
    "no_device": {},
    "connection_info": {"type": "string", "maxLength": 255},
}


def _device_v2(version: Version) -> Json:
    device: Json = {
        key: _DEVICE[key] for key in ("virtual_name", "volume_size", "device_name", "delete_on_termination")
    } | {
        "no_device": {},
        "connection_info": _DEVICE["connection_info"],
        "source_type": {"type": "string", "enum": ["volume", "image", "snapshot", "blank"]},
        "uuid": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[a-zA-Z0-9._-]*$"},
        "image_id": UUID,
        "destination_type": {"type": "string", "enum": ["local", "volume"]},
        "guest_format": {"type": "string", "maxLength": 255},
        "device_type": {"type": "string", "maxLength": 255},
        "disk_bus": {"type": "string", "maxLength": 255},
        "boot_index": {"type": ["integer", "string", "null"], "pattern": "^-?[0-9]+$"},
    }
    if version == V(2, 32) or version >= V(2, 42):
        device["tag"] = DEVICE_TAG
    if version >= V(2, 67):
        device["volume_type"] = {"type": ["string", "null"], "minLength": 0, "maxLength": 255}
    return keyed(device)


_IDS: Json = {"oneOf": [UUID, listed(UUID)]}
HINTS: Json = keyed(
    {
        "group": UUID,
        "different_host": _IDS,
        "same_host": _IDS,
        "query": {"type": ["string", "object"]},
        "target_cell": NAME,
        "different_cell": {"type": ["string", "array"], "items": STRING},
        "build_near_host_ip": {"anyOf": [IPV4, IPV6]},
        "cidr": {"type": "string", "pattern": "^/[0-9a-f.:]+$"},
    },
    more=True,
)


def _create(text: str) -> Json:
    version = parse_version(text)
    server: Json = {
        "name": NAME,
        "imageRef": {"anyOf": [UUID, {"type": "string", "maxLength": 0}]},
        "flavorRef": {"type": ["string", "integer"], "minLength": 1},
        "adminPass": PASSWORD,
        "metadata": METADATA,
        "networks": _network(version),
        "OS-DCF:diskConfig": DISK_CONFIG,
        "accessIPv4": IPV4,
        "accessIPv6": IPV6,
        "personality": listed(object_of(("path", "contents"), path=STRING, contents=BASE64)),
        "availability_zone": {"type": "string", "minLength": 1, "maxLength": 255},
        "block_device_mapping": listed(keyed(_DEVICE)),
        "block_device_mapping_v2": listed(_device_v2(version)),
        "config_drive": {"anyOf": [BOOLEAN, {"enum": ["", None]}]},
        "key_name": NAME,
        "min_count": integer(1),
        "max_count": integer(1),
        "return_reservation_id": BOOLEAN,
        "security_groups": listed(object_of(name={"type": "string", "minLength": 1, "maxLength": 255})),
        "user_data": {**BASE64, "maxLength": 65535},
    }
    required = ["name", "flavorRef"]
    if version >= V(2, 19):
        server["description"] = DESCRIPTION
    if version >= V(2, 37):
        required.append("networks")
    if version >= V(2, 52):
        server["tags"] = {**TAGS, "maxItems": 50}
    if version >= V(2, 57):
        del server["personality"]
    if version >= V(2, 63):
        server["trusted_image_certificates"] = CERTS
    if version >= V(2, 74):
        server["host"] = HOSTNAME
        server["hypervisor_hostname"] = HOSTNAME
    if version >= V(2, 90):
        server["hostname"] = FQDN if version >= V(2, 94) else FQDN_LABEL
    return keyed(
        {"server": keyed(server, tuple(required)), "os:scheduler_hints": HINTS, "OS-SCH-HNT:scheduler_hints": HINTS},
        ("server",),
    )


CREATE = versions(
    *(
        (text, _create(text))
        for text in (
            "2.1",
            "2.19",
            "2.32",
            "2.33",
            "2.37",
            "2.42",
            "2.52",
            "2.57",
            "2.63",
            "2.67",
            "2.74",
            "2.90",
            "2.94",
        )
    )
)

_UPDATE: Json = {
    "name": NAME,
    "OS-DCF:diskConfig": DISK_CONFIG,
    "accessIPv4": ADDRESS_OR_EMPTY_4,
    "accessIPv6": ADDRESS_OR_EMPTY_6,
}
UPDATE = versions(
    ("2.1", wrapped("server", keyed(_UPDATE))),
    ("2.19", wrapped("server", keyed({**_UPDATE, "description": DESCRIPTION}))),
    ("2.90", wrapped("server", keyed({**_UPDATE, "description": DESCRIPTION, "hostname": FQDN_LABEL}))),
    ("2.94", wrapped("server", keyed({**_UPDATE, "description": DESCRIPTION, "hostname": FQDN}))),
)

METADATA_SET = wrapped("metadata", METADATA)
METADATA_ITEM = wrapped("meta", {**METADATA, "minProperties": 1, "maxProperties": 1})
TAGS_SET = wrapped("tags", TAGS)
