"""Flavors, access, extra specs. Source: compute API reference, "Flavors"."""

from tinstack.api.schemas.words import (
    BOOLEAN,
    MAX_INT,
    NAME,
    Json,
    integer,
    keyed,
    number_like,
    object_of,
    wrapped,
)
from tinstack.core.http import versions

_FLAVOR_ID: Json = {
    "type": ["string", "number", "null"],
    "minLength": 1,
    "maxLength": 255,
    "pattern": r"^(?! )[a-zA-Z0-9. _-]+(?<! )$",
}
_DESCRIPTION: Json = {"type": ["string", "null"], "minLength": 0, "maxLength": 65535}

_CREATE: Json = {
    "name": NAME,
    "id": _FLAVOR_ID,
    "ram": integer(1),
    "vcpus": integer(1),
    "disk": integer(0),
    "OS-FLV-EXT-DATA:ephemeral": integer(0),
    "swap": integer(0),
    "rxtx_factor": number_like(),
    "os-flavor-access:is_public": BOOLEAN,
}
_REQUIRED = ("name", "ram", "vcpus", "disk")

CREATE = versions(
    ("2.1", wrapped("flavor", keyed(_CREATE, _REQUIRED))),
    ("2.55", wrapped("flavor", keyed({**_CREATE, "description": _DESCRIPTION}, _REQUIRED))),
)
UPDATE = wrapped("flavor", object_of(("description",), description=_DESCRIPTION))

_SPEC_NAME = r"^[a-zA-Z0-9-_:. ]{1,255}$"
_SPEC: Json = {"type": ["string", "number"], "maxLength": 255, "maximum": MAX_INT}

SPECS = wrapped(
    "extra_specs", {"type": "object", "patternProperties": {_SPEC_NAME: _SPEC}, "additionalProperties": False}
)
SPEC: Json = {
    "type": "object",
    "patternProperties": {_SPEC_NAME: _SPEC},
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}

_PROJECT: Json = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[a-zA-Z0-9-_]*$"}
ADD_ACCESS = wrapped("addTenantAccess", object_of(("tenant",), tenant=_PROJECT))
REMOVE_ACCESS = wrapped("removeTenantAccess", object_of(("tenant",), tenant=_PROJECT))
