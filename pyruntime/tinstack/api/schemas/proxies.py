"""Bodies of the proxies to the network service. Source: compute API reference, "Security groups (os-security-groups)"."""

from tinstack.api.schemas.words import NULL, NULLABLE_STRING, STRING, Json, integer, object_of, wrapped

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
