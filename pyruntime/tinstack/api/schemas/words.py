"""The words that schemas of the compute API are made of (nova's ``parameter_types``)."""

import re
from typing import Any

Json = dict[str, Any]

STRING: Json = {"type": "string"}
NULLABLE_STRING: Json = {"type": ["string", "null"]}
ANYTHING: Json = {}
NULL: Json = {"type": "null"}
UUID: Json = {
    "type": "string",
    "pattern": "^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$",
}
NAME: Json = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^(?!\s)[^\x00-\x1f\x7f-\x9f]*(?<!\s)$"}
BOOLEAN: Json = {
    "type": ["boolean", "string"],
    "enum": [
        True, "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes", "y", "t",
        False, "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no", "n", "f",
    ],
}  # fmt: skip
NONE: Json = {"enum": ["none", None, {}]}
IPV4: Json = {"type": "string", "format": "ipv4"}
IPV6: Json = {"type": "string", "format": "ipv6"}
BASE64: Json = {"type": "string", "pattern": r"^[A-Za-z0-9+/\s]*={0,2}\s*$"}
MAX_INT = 0x7FFFFFFF
METADATA: Json = {
    "type": "object",
    "additionalProperties": False,
    "patternProperties": {r"^[a-zA-Z0-9-_:. ]{1,255}$": {"type": "string", "maxLength": 255}},
}
METADATA_WITH_NULL: Json = {
    "type": "object",
    "additionalProperties": False,
    "patternProperties": {r"^[a-zA-Z0-9-_:. ]{1,255}$": {"type": ["string", "null"], "maxLength": 255}},
}
TAG: Json = {"type": "string", "minLength": 1, "maxLength": 60, "pattern": "^[^,/]*$"}
TAGS: Json = {"type": "array", "items": TAG, "maxItems": 50}
DEVICE_TAG: Json = {"type": "string", "minLength": 1, "maxLength": 60, "pattern": "^[^,/]*$"}
DISK_CONFIG: Json = {"type": "string", "enum": ["AUTO", "MANUAL"]}
HOSTNAME: Json = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[a-zA-Z0-9-._]*$"}
FQDN_LABEL: Json = {"type": "string", "minLength": 1, "maxLength": 63, "pattern": r"^[a-zA-Z0-9]+(-*[a-zA-Z0-9]+)*$"}
FQDN: Json = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "pattern": r"^[a-zA-Z0-9]+([-.][a-zA-Z0-9]+|-+[a-zA-Z0-9]+)*$",
}
DESCRIPTION: Json = {
    "type": ["string", "null"],
    "minLength": 0,
    "maxLength": 255,
    "pattern": r"^[^\x00-\x1f\x7f-\x9f]*$",
}
PASSWORD: Json = {"type": "string"}


def integer(least: int | None = None, most: int | None = MAX_INT) -> Json:
    """A number, or its digits as a string, as nova takes both."""
    found: Json = {"type": ["integer", "string"], "pattern": "^-?[0-9]+$"}
    if least is not None and least >= 0:
        found["pattern"] = "^[0-9]+$" if least == 0 else "^0*[1-9][0-9]*$"
    if least is not None:
        found["minimum"] = least
    if most is not None:
        found["maximum"] = most
    return found


def number_like() -> Json:
    """A number, or its text."""
    return {"type": ["number", "string"], "pattern": r"^[0-9]+(\.[0-9]+)?$", "minimum": 0, "maximum": 3.4e38}


def object_of(required: tuple[str, ...] = (), more: bool = False, **properties: Json) -> Json:
    """An object of those keys; ``more``: others too."""
    return keyed(properties, required, more)


def keyed(properties: Json, required: tuple[str, ...] = (), more: bool = False) -> Json:
    """The same from a dict, for keys that are no Python names."""
    found: Json = {"type": "object", "properties": properties, "additionalProperties": more}
    if required:
        found["required"] = list(required)
    return found


def wrapped(name: str, inner: Json) -> Json:
    """``{name: inner}``, the form of nearly all bodies."""
    return {"type": "object", "properties": {name: inner}, "required": [name], "additionalProperties": False}


def listed(item: Json, **limits: Any) -> Json:
    """A list of items."""
    return {"type": "array", "items": item, **limits}


def is_uuid(text: str) -> bool:
    """Whether a text can be an id; others never become part of another service's URL."""
    return re.fullmatch(UUID["pattern"], text) is not None


def truth(value: Any) -> bool:
    """A BOOLEAN as Python's."""
    return value is True or str(value).lower() in {"true", "1", "on", "yes", "y", "t"}
