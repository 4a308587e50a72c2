"""The schemas of metadata definitions, as served at /v2/schemas/metadefs/… Source: Image API v2, Metadata definitions."""

from typing import Any

_DATE = {"type": "string", "description": "Date and time, ISO 8601", "readOnly": True, "format": "date-time"}
_NAME = {"type": "string", "minLength": 1, "maxLength": 80}
_LONG_NAME = {"type": "string", "minLength": 1, "maxLength": 255}
_TEXT = {"type": "string", "maxLength": 500}
_SHORT = {"type": "string", "maxLength": 80}
_STRINGS = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
_SELF: dict[str, Any] = {"type": "string", "readOnly": True}
_LINKS = [{"rel": "describedby", "href": "{schema}"}]

PROPERTY_FIELDS: dict[str, Any] = {
    "name": _LONG_NAME,
    "title": {"type": "string"},
    "description": {"type": "string"},
    "type": {"type": "string", "enum": ["array", "boolean", "integer", "number", "object", "string", None]},
    "operators": {"type": "array", "items": {"type": "string"}},
    "readonly": {"type": "boolean"},
    "required": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    "minimum": {"type": "number"},
    "maximum": {"type": "number"},
    "maxLength": {"type": "integer", "minimum": 0},
    "minLength": {"type": "integer", "minimum": 0},
    "pattern": {"type": "string", "format": "regex"},
    "enum": {"type": "array"},
    "default": {},
    "items": {"type": "object"},
    "uniqueItems": {"type": "boolean"},
    "minItems": {"type": "integer", "minimum": 0},
    "maxItems": {"type": "integer", "minimum": 0},
    "additionalItems": {"type": "boolean"},
}
_PROPERTY_SET = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "properties": {name: schema for name, schema in PROPERTY_FIELDS.items() if name != "name"},
        "required": ["title", "type"],
    },
}
OBJECT_FIELDS: dict[str, Any] = {
    "name": _LONG_NAME,
    "description": {"type": "string"},
    "required": _STRINGS,
    "properties": _PROPERTY_SET,
    "schema": _SELF,
    "self": _SELF,
    "created_at": _DATE,
    "updated_at": _DATE,
}
TAG_FIELDS: dict[str, Any] = {"name": _LONG_NAME, "created_at": _DATE, "updated_at": _DATE}
ASSOCIATION_FIELDS: dict[str, Any] = {
    "name": _SHORT | {"minLength": 1},
    "prefix": _SHORT,
    "properties_target": _SHORT,
    "created_at": _DATE,
    "updated_at": _DATE,
}


def _object(fields: dict[str, Any], required: list[str], more: bool = False) -> dict[str, Any]:
    schema = {"type": "object", "properties": fields, "additionalProperties": more}
    return schema | {"required": required} if required else schema


OBJECT = _object(OBJECT_FIELDS, ["name"])
PROPERTY = _object(PROPERTY_FIELDS, ["name", "title", "type"])
TAG = _object(TAG_FIELDS, ["name"])
ASSOCIATION = _object(ASSOCIATION_FIELDS, ["name"])

NAMESPACE_FIELDS: dict[str, Any] = {
    "namespace": _NAME,
    "display_name": _SHORT,
    "description": _TEXT,
    "visibility": {"type": "string", "enum": ["public", "private"]},
    "protected": {"type": "boolean"},
    "owner": {"type": "string", "maxLength": 255},
    "created_at": _DATE,
    "updated_at": _DATE,
    "schema": _SELF,
    "self": _SELF,
    "resource_type_associations": {"type": "array", "items": ASSOCIATION},
    "properties": _PROPERTY_SET,
    "objects": {"type": "array", "items": OBJECT},
    "tags": {"type": "array", "items": TAG},
}
NAMESPACE = _object(NAMESPACE_FIELDS, ["namespace"])
_CONTENT = ("resource_type_associations", "properties", "objects", "tags")
NAMESPACE_UPDATE = _object({name: NAMESPACE_FIELDS[name] for name in NAMESPACE_FIELDS if name not in _CONTENT}, [])
TAGS = _object({"tags": {"type": "array", "items": TAG}}, ["tags"])


def _shown(name: str, fields: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"name": name, "properties": fields, "required": required, "additionalProperties": False, "links": _LINKS}


def _list(name: str, item: dict[str, Any]) -> dict[str, Any]:
    rows = (
        {"type": "object", "additionalProperties": item} if name == "properties" else {"type": "array", "items": item}
    )
    pages = {"first": {"type": "string"}, "next": {"type": "string"}, "schema": {"type": "string"}}
    return {
        "name": name,
        "properties": {name: rows, **pages},
        "links": [{"rel": "first", "href": "{first}"}, {"rel": "next", "href": "{next}"}, *_LINKS],
    }


_NAMESPACE_SHOWN = _shown("namespace", NAMESPACE_FIELDS, ["namespace"])
_OBJECT_SHOWN = _shown("object", OBJECT_FIELDS, ["name"])
_PROPERTY_SHOWN = _shown("property", PROPERTY_FIELDS, ["name", "title", "type"])
_TAG_SHOWN = _shown("tag", TAG_FIELDS, ["name"])
_ASSOCIATION_SHOWN = _shown("resource_type_association", ASSOCIATION_FIELDS, ["name"])

SHOWN: dict[str, dict[str, Any]] = {
    "namespace": _NAMESPACE_SHOWN,
    "namespaces": _list("namespaces", _NAMESPACE_SHOWN),
    "object": _OBJECT_SHOWN,
    "objects": _list("objects", _OBJECT_SHOWN),
    "property": _PROPERTY_SHOWN,
    "properties": _list("properties", _PROPERTY_SHOWN),
    "tag": _TAG_SHOWN,
    "tags": _list("tags", _TAG_SHOWN),
    "resource_type": _ASSOCIATION_SHOWN,
    "resource_types": _list("resource_type_associations", _ASSOCIATION_SHOWN),
}
"""By the last part of /v2/schemas/metadefs/…"""
