"""Bodies of registered limits and limits."""

from typing import Any

from tinstack.identity.schemas.words import NAME, TEXT, body, nullable, object_of

_AMOUNT = {"type": "integer", "minimum": -1, "maximum": 0x7FFFFFFF}
_ID = {"type": "string", "minLength": 1, "maxLength": 64}
_REGION = nullable({"type": "string", "maxLength": 255})


def _several(key: str, item: dict[str, Any]) -> dict[str, Any]:
    return object_of([key], more=False, **{key: {"type": "array", "items": item, "minItems": 1}})


_REGISTERED = {
    "service_id": _ID,
    "region_id": _REGION,
    "resource_name": NAME,
    "default_limit": _AMOUNT,
    "description": nullable(TEXT),
}
REGISTER = _several(
    "registered_limits", object_of(["service_id", "resource_name", "default_limit"], more=False, **_REGISTERED)
)
REGISTERED_UPDATE = body("registered_limit", object_of(None, more=False, **_REGISTERED))

_LIMIT = object_of(
    ["service_id", "resource_name", "resource_limit"],
    more=False,
    service_id=_ID,
    region_id=_REGION,
    resource_name=NAME | {"maxLength": 191},
    resource_limit=_AMOUNT,
    project_id=nullable(_ID),
    domain_id=nullable(_ID),
    description=nullable(TEXT),
)
_OF_PROJECT: dict[str, Any] = {"required": ["project_id"], "properties": {"domain_id": {"type": "null"}}}
_OF_DOMAIN: dict[str, Any] = {"required": ["domain_id"], "properties": {"project_id": {"type": "null"}}}
_WHOSE = [
    {**_OF_PROJECT, "properties": {**_OF_PROJECT["properties"], "project_id": _ID}},
    {**_OF_DOMAIN, "properties": {**_OF_DOMAIN["properties"], "domain_id": _ID}},
]
CREATE = _several("limits", {**_LIMIT, "oneOf": _WHOSE})
UPDATE = body("limit", object_of(more=False, resource_limit=_AMOUNT, description=nullable(TEXT)))
