"""Words that the schemas share."""

from typing import Any

UUID = {"type": "string", "pattern": r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"}
UUID_LIKE = {"type": "string", "pattern": r"^([0-9a-fA-F]{32}|[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})$"}
NAME = {"type": "string", "minLength": 1, "maxLength": 200}
CUSTOM = {"type": "string", "pattern": r"^CUSTOM_[A-Z0-9_]+$", "maxLength": 255}
GENERATION = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
UPPER = r"^[A-Z0-9_]+$"


def object_of(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """An object with these keys and no others."""
    found: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        found["required"] = list(required)
    return found


def map_of(pattern: str, value: dict[str, Any], least: int = 0) -> dict[str, Any]:
    """An object whose keys match ``pattern``."""
    return {
        "type": "object",
        "patternProperties": {pattern: value},
        "additionalProperties": False,
        "minProperties": least,
    }


def list_of(item: dict[str, Any], *, unique: bool = False) -> dict[str, Any]:
    """An array."""
    return {"type": "array", "items": item, "uniqueItems": unique}
