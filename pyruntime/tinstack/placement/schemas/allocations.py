"""Bodies about allocations, per microversion. Source: Placement API reference, Allocations."""

from typing import Any

from tinstack.core.http import versions
from tinstack.placement.schemas.words import GENERATION, UPPER, UUID, list_of, map_of, object_of

_UUID = UUID["pattern"]
_RESOURCES = map_of(UPPER, {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}, 1)
_OWNER = {"type": "string", "minLength": 1, "maxLength": 255}
_CONSUMER_GENERATION = {"anyOf": [GENERATION, {"type": "null"}]}
_TYPE = {"type": "string", "pattern": r"^([A-Z0-9_]+|unknown)$", "minLength": 1, "maxLength": 255}
_MAPPINGS = map_of(r"^[a-zA-Z0-9_-]{0,64}$", list_of(UUID), 1)

_LISTED = list_of(
    object_of(
        {"resource_provider": object_of({"uuid": UUID}, "uuid"), "resources": _RESOURCES},
        "resource_provider",
        "resources",
    )
)
_ENTRY = object_of({"generation": GENERATION, "resources": _RESOURCES}, "resources")


def _mapped(least: int) -> dict[str, Any]:
    return map_of(_UUID, _ENTRY, least)


_V12 = {"allocations": _mapped(1), "project_id": _OWNER, "user_id": _OWNER}
_N12 = ("allocations", "project_id", "user_id")
_V28 = {**_V12, "allocations": _mapped(0), "consumer_generation": _CONSUMER_GENERATION}
_N28 = (*_N12, "consumer_generation")
_V34 = {**_V28, "mappings": _MAPPINGS}
_V38 = {**_V34, "consumer_type": _TYPE}
_N38 = (*_N28, "consumer_type")
_LIST = {"allocations": {**_LISTED, "minItems": 1}}

PUT = versions(
    ("1.0", object_of(_LIST, "allocations")),
    ("1.8", object_of({**_LIST, "project_id": _OWNER, "user_id": _OWNER}, *_N12)),
    ("1.12", object_of(_V12, *_N12)),
    ("1.28", object_of(_V28, *_N28)),
    ("1.34", object_of(_V34, *_N28)),
    ("1.38", object_of(_V38, *_N38)),
)
POST = versions(
    ("1.13", map_of(_UUID, object_of({**_V12, "allocations": _mapped(0)}, *_N12), 1)),
    ("1.28", map_of(_UUID, object_of(_V28, *_N28), 1)),
    ("1.34", map_of(_UUID, object_of(_V34, *_N28), 1)),
    ("1.38", map_of(_UUID, object_of(_V38, *_N38), 1)),
)

_TEXT = {"type": "string", "minLength": 1, "maxLength": 255}
USAGES = versions(
    ("1.9", object_of({"project_id": _TEXT, "user_id": _TEXT}, "project_id")),
    ("1.38", object_of({"project_id": _TEXT, "user_id": _TEXT, "consumer_type": _TEXT}, "project_id")),
)
