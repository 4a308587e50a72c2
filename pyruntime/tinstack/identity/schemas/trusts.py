"""Bodies of trusts."""

from tinstack.identity.schemas.words import BOOLEAN, TEXT, body, nullable, object_of

CREATE = body(
    "trust",
    object_of(
        ["trustor_user_id", "trustee_user_id", "impersonation"],
        trustor_user_id=TEXT,
        trustee_user_id=TEXT,
        impersonation=BOOLEAN,
        project_id=nullable(TEXT),
        roles={
            "type": "array",
            "items": {**object_of(id=TEXT, name=TEXT), "anyOf": [{"required": ["id"]}, {"required": ["name"]}]},
        },
        expires_at=nullable(TEXT),
        remaining_uses={"type": ["integer", "null"], "minimum": 1, "maximum": 2147483647},
        allow_redelegation=nullable(BOOLEAN),
        redelegation_count={"type": ["integer", "null"], "minimum": 0, "maximum": 2147483647},
    ),
)
