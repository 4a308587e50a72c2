"""Bodies of credentials and EC2 credentials."""

from tinstack.identity.schemas.words import TEXT, body, changes, nullable, object_of

_CREDENTIAL = object_of(
    ["blob", "type", "user_id"],
    blob=TEXT,
    type={"type": "string", "minLength": 1, "maxLength": 255},
    user_id=TEXT,
    project_id=nullable(TEXT),
)
CREATE = body("credential", _CREDENTIAL)
UPDATE = body("credential", changes(_CREDENTIAL))
EC2_CREATE = object_of(["tenant_id"], tenant_id=TEXT)
