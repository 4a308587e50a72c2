"""Words that the schemas share."""

from typing import Any

ID = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": r"^[a-zA-Z0-9-]+$"}
NAME = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"[\S]+"}
TEXT = {"type": "string"}
BOOLEAN = {"type": "boolean"}
PASSWORD = {"type": "string", "maxLength": 4096}
OPTIONS = {"type": "object"}


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """The same, or null."""
    if "enum" in schema:
        return schema | {"type": [schema["type"], "null"], "enum": [*schema["enum"], None]}
    return schema | {"type": [schema["type"], "null"]}


def object_of(required: list[str] | None = None, *, more: bool = True, **properties: Any) -> dict[str, Any]:
    """An object; ``more``: other keys are allowed (clients keep them with the resource)."""
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": more}
    if required:
        schema["required"] = required
    return schema


def body(key: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A body whose one key holds the resource."""
    return {"type": "object", "properties": {key: schema}, "required": [key]}


def changes(schema: dict[str, Any]) -> dict[str, Any]:
    """The same for PATCH: nothing is required, but something must be there."""
    return {name: value for name, value in schema.items() if name != "required"} | {"minProperties": 1}
