"""Bodies of sign-ins and launch tokens."""

from tinstack.identity.schemas.words import TEXT, body, object_of

_PASSWORD = {"type": "string", "maxLength": 4096}
_REFERENCE = object_of(id=TEXT, name=TEXT)
_USER = {
    **object_of(id=TEXT, name=TEXT, domain=_REFERENCE),
    "anyOf": [{"required": ["id"]}, {"required": ["name", "domain"]}],
}
_PERSON = {**_USER, "properties": {**_USER["properties"], "password": _PASSWORD}, "required": ["password"]}
_IDENTITY = object_of(
    ["methods"],
    methods={"type": "array", "items": TEXT, "minItems": 1, "maxItems": 4},
    password=object_of(["user"], user=_PERSON),
    token=object_of(["id"], id=TEXT),
    oauth1=object_of(),
    application_credential=object_of(
        ["secret"], id=TEXT, name=TEXT, secret=_PASSWORD, user=object_of(id=TEXT, name=TEXT, domain=_REFERENCE)
    ),
)
_SCOPE = {
    "type": ["object", "string"],
    "properties": {
        "project": object_of(id=TEXT, name=TEXT, domain=_REFERENCE),
        "domain": _REFERENCE,
        "system": object_of(["all"], all={"type": "boolean", "enum": [True]}),
        "OS-TRUST:trust": object_of(["id"], id=TEXT),
        "unscoped": object_of(),
    },
    "oneOf": [
        {"type": "string", "enum": ["unscoped"]},
        {"type": "object", "minProperties": 1, "maxProperties": 1},
    ],
    "additionalProperties": False,
}

SIGN_IN = body("auth", object_of(["identity"], identity=_IDENTITY, scope=_SCOPE))

_IDS = {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 64}, "maxItems": 64}
LAUNCH_TOKEN = body(
    "launch_token",
    object_of(
        ["project_id", "host", "server"],
        more=False,
        project_id=TEXT,
        host={"type": "string", "minLength": 1, "maxLength": 255},
        server={"type": "string", "minLength": 1, "maxLength": 64},
        image={"type": ["string", "null"], "maxLength": 64},
        ports=_IDS,
        volumes=_IDS,
        networks=_IDS,
        operation={"type": ["string", "null"], "maxLength": 48},
        attempt={"type": "integer", "minimum": 1, "maximum": 999},
        seconds={"type": "integer", "minimum": 1},
    ),
)

LAUNCHES_OVER = {
    **object_of(
        ["launches"],
        more=False,
        launches={**_IDS, "minItems": 1, "maxItems": 1000},
    )
}
"""Operations' attempts (``<operation id>.<attempt>``), or servers that are gone."""
