"""Bodies of regions, services and endpoints."""

from tinstack.identity.schemas.words import BOOLEAN, TEXT, body, changes, nullable, object_of

_REGION_ID = {"type": "string", "maxLength": 255}
_REGION = object_of(id=nullable(_REGION_ID), description=nullable(TEXT), parent_region_id=nullable(_REGION_ID))
REGION_CREATE = body("region", _REGION)
REGION_UPDATE = body("region", changes(_REGION))

_LINE = {"type": "string", "minLength": 1, "maxLength": 255}
_SERVICE = object_of(
    ["type"], type=_LINE, name={"type": "string", "maxLength": 255}, description=nullable(TEXT), enabled=BOOLEAN
)
SERVICE_CREATE = body("service", _SERVICE)
SERVICE_UPDATE = body("service", changes(_SERVICE))

_ENDPOINT = object_of(
    ["interface", "service_id", "url"],
    interface={"type": "string", "enum": ["admin", "internal", "public"]},
    service_id=TEXT,
    url={"type": "string", "minLength": 1, "maxLength": 2048, "pattern": "^[a-zA-Z0-9+.-]+:.+"},
    region=nullable(_REGION_ID),
    region_id=nullable(_REGION_ID),
    enabled=BOOLEAN,
    name=nullable(TEXT),
    description=nullable(TEXT),
)
ENDPOINT_CREATE = body("endpoint", _ENDPOINT)
ENDPOINT_UPDATE = body("endpoint", changes(_ENDPOINT))

_FILTERS = {"type": "object", "additionalProperties": {"type": "string"}}
_ENDPOINT_GROUP = object_of(
    ["name", "filters"],
    name={"type": "string", "minLength": 1, "maxLength": 255},
    description=nullable(TEXT),
    filters=_FILTERS,
)
ENDPOINT_GROUP_CREATE = body("endpoint_group", _ENDPOINT_GROUP)
ENDPOINT_GROUP_UPDATE = body("endpoint_group", changes(_ENDPOINT_GROUP))

_POLICY = object_of(["blob", "type"], blob=TEXT, type={"type": "string", "minLength": 1, "maxLength": 255})
POLICY_CREATE = body("policy", _POLICY)
POLICY_UPDATE = body("policy", changes(_POLICY))
