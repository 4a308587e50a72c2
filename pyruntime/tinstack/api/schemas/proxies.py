"""Bodies of the proxies to other services. Source: compute API reference, "Security groups", "Volumes", "Images" …"""

from tinstack.api.schemas.words import (
    BOOLEAN,
    METADATA,
    NULL,
    NULLABLE_STRING,
    STRING,
    Json,
    integer,
    object_of,
    wrapped,
)

_TEXT: Json = {"type": "string", "maxLength": 255}
_PORT: Json = {"anyOf": [integer(-1, 65535), NULL]}

GROUP = wrapped("security_group", object_of(("name", "description"), name={**_TEXT, "minLength": 1}, description=_TEXT))
RULE = wrapped(
    "security_group_rule",
    object_of(
        ("parent_group_id",),
        parent_group_id=STRING,
        ip_protocol=NULLABLE_STRING,
        from_port=_PORT,
        to_port=_PORT,
        cidr=NULLABLE_STRING,
        group_id=NULLABLE_STRING,
    ),
)
FLOATING_IP: Json = {"type": ["object", "null"], "properties": {"pool": NULLABLE_STRING}}
VOLUME = wrapped(
    "volume",
    object_of(
        ("size",),
        more=True,
        size=integer(1),
        display_name=NULLABLE_STRING,
        display_description=NULLABLE_STRING,
        volume_type=STRING,
        snapshot_id=STRING,
        metadata={"type": "object"},
        availability_zone=STRING,
    ),
)
SNAPSHOT = wrapped(
    "snapshot",
    object_of(
        ("volume_id",),
        more=True,
        volume_id=STRING,
        display_name=NULLABLE_STRING,
        display_description=NULLABLE_STRING,
        force=BOOLEAN,
    ),
)
IMAGE_METADATA = wrapped("metadata", METADATA)
IMAGE_ITEM = wrapped("meta", {**METADATA, "minProperties": 1, "maxProperties": 1})
