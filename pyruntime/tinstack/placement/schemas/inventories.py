"""Bodies about inventories. Source: Placement API reference, Resource provider inventories."""

from typing import Any

from tinstack.placement.schemas.words import GENERATION, UPPER, map_of, object_of

MOST = 2**31 - 1
_FIELDS: dict[str, Any] = {
    "total": {"type": "integer", "minimum": 1, "maximum": MOST},
    "reserved": {"type": "integer", "minimum": 0, "maximum": MOST},
    "min_unit": {"type": "integer", "minimum": 1, "maximum": MOST},
    "max_unit": {"type": "integer", "minimum": 1, "maximum": MOST},
    "step_size": {"type": "integer", "minimum": 1, "maximum": MOST},
    "allocation_ratio": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 3.4e38},
}
_INVENTORY = object_of(_FIELDS, "total")
_CLASS = {"type": "string", "pattern": UPPER, "maxLength": 255}

REPLACE = object_of(
    {"inventories": map_of(UPPER, _INVENTORY), "resource_provider_generation": GENERATION},
    "inventories",
    "resource_provider_generation",
)
SET = object_of({**_FIELDS, "resource_provider_generation": GENERATION}, "total", "resource_provider_generation")
ADD = object_of(
    {**_FIELDS, "resource_provider_generation": GENERATION, "resource_class": _CLASS}, "total", "resource_class"
)
