"""Bodies of roles."""

from tinstack.identity.schemas.words import ID, NAME, OPTIONS, TEXT, body, changes, nullable, object_of

_ROLE = object_of(["name"], name=NAME, domain_id=nullable(ID), description=nullable(TEXT), options=OPTIONS)
CREATE = body("role", _ROLE)
UPDATE = body("role", changes(_ROLE))
