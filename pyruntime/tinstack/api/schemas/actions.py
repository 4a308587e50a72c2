"""Actions on servers. Source: compute API reference, "Servers - run an action"."""

from tinstack.api.schemas.words import (
    DEVICE_TAG,
    IPV4,
    IPV6,
    METADATA,
    NAME,
    NULL,
    PASSWORD,
    STRING,
    UUID,
    Json,
    integer,
    keyed,
    object_of,
    wrapped,
)
from tinstack.core.http import versions


def bare(name: str) -> Json:
    """``{name: null}``: actions whose value does not count."""
    return wrapped(name, {})


_REBOOT_TYPE: Json = {"type": "string", "enum": ["HARD", "Hard", "hard", "SOFT", "Soft", "soft"]}
CREATE_IMAGE = wrapped("createImage", object_of(("name",), name=NAME, metadata=METADATA))
CREATE_BACKUP = wrapped(
    "createBackup",
    object_of(
        ("name", "backup_type", "rotation"), name=NAME, backup_type=STRING, rotation=integer(0), metadata=METADATA
    ),
)
REBOOT = wrapped("reboot", object_of(("type",), type=_REBOOT_TYPE))
LOCK = versions(
    ("2.1", bare("lock")),
    (
        "2.73",
        wrapped(
            "lock",
            {
                "type": ["object", "null"],
                "properties": {"locked_reason": {"type": "string", "minLength": 1, "maxLength": 255}},
                "additionalProperties": False,
            },
        ),
    ),
)
CONSOLE_OUTPUT = wrapped(
    "os-getConsoleOutput",
    keyed({"length": {"anyOf": [integer(-1), NULL]}}),
)
CHANGE_PASSWORD = wrapped("changePassword", object_of(("adminPass",), adminPass=PASSWORD))
RESET_STATE = wrapped("os-resetState", object_of(("state",), state={"type": "string", "enum": ["active", "error"]}))
_GROUP = object_of(("name",), name=NAME)
ADD_GROUP = wrapped("addSecurityGroup", _GROUP)
REMOVE_GROUP = wrapped("removeSecurityGroup", _GROUP)
ADDRESS: Json = {"anyOf": [IPV4, IPV6]}
FIXED: Json = {"type": "array", "minItems": 1, "maxItems": 1, "items": object_of(("ip_address",), ip_address=ADDRESS)}
_INTERFACE: Json = {"net_id": UUID, "port_id": UUID, "fixed_ips": FIXED}
ATTACH_INTERFACE = versions(
    ("2.1", wrapped("interfaceAttachment", keyed(_INTERFACE))),
    ("2.49", wrapped("interfaceAttachment", keyed({**_INTERFACE, "tag": DEVICE_TAG}))),
)
ADD_FIXED_IP = wrapped(
    "addFixedIp", object_of(("networkId",), networkId={"type": ["string", "number"], "minLength": 1})
)
REMOVE_FIXED_IP = wrapped("removeFixedIp", object_of(("address",), address=ADDRESS))
ADD_FLOATING_IP = wrapped("addFloatingIp", object_of(("address",), address=ADDRESS, fixed_address=ADDRESS))
REMOVE_FLOATING_IP = wrapped("removeFloatingIp", object_of(("address",), address=ADDRESS))
