"""Bodies of application credentials."""

from tinstack.identity.schemas.words import BOOLEAN, NAME, PASSWORD, TEXT, body, nullable, object_of

CREATE = body(
    "application_credential",
    object_of(
        ["name"],
        name=NAME,
        description=nullable(TEXT),
        secret=nullable(PASSWORD),
        expires_at=nullable(TEXT),
        unrestricted=nullable(BOOLEAN),
        roles={"type": "array", "items": object_of(id=TEXT, name=TEXT)},
        access_rules={
            "type": "array",
            "items": object_of(
                more=False,
                id=TEXT,
                service={"type": "string", "minLength": 1, "maxLength": 255},
                path={"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^/"},
                method={"type": "string", "enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]},
            ),
        },
    ),
)
