"""Bodies of identity providers, mappings, protocols and service providers."""

from typing import Any

from tinstack.identity.schemas.words import BOOLEAN, ID, TEXT, changes, nullable, object_of


def _only(key: str, schema: dict[str, Any]) -> dict[str, Any]:
    return object_of([key], more=False, **{key: schema})


_PROVIDER = {
    "enabled": BOOLEAN,
    "description": nullable(TEXT),
    "authorization_ttl": {"type": ["integer", "null"], "minimum": 0},
    "remote_ids": {
        "type": ["array", "null"],
        "items": {"type": "string", "maxLength": 255},
        "uniqueItems": True,
    },
}
PROVIDER_CREATE = _only("identity_provider", object_of(None, more=False, **_PROVIDER, domain_id=nullable(ID)))
PROVIDER_UPDATE = _only("identity_provider", changes(object_of(None, more=False, **_PROVIDER)))

_PROTOCOL = object_of(["mapping_id"], more=False, mapping_id=TEXT, remote_id_attribute=nullable(TEXT))
PROTOCOL_CREATE = _only("protocol", _PROTOCOL)
PROTOCOL_UPDATE = _only("protocol", changes(_PROTOCOL))

_PLACE = object_of(id=TEXT, name=TEXT, domain=object_of(id=TEXT, name=TEXT))
_LOCAL = object_of(
    more=False,
    user={
        **object_of(
            more=False,
            id=TEXT,
            name=TEXT,
            email=TEXT,
            domain=object_of(id=TEXT, name=TEXT),
            type={"type": "string", "enum": ["ephemeral", "local"]},
        ),
        "minProperties": 1,
    },
    domain=object_of(id=TEXT, name=TEXT),
    projects={
        "type": "array",
        "items": object_of(name=TEXT, domain=object_of(id=TEXT, name=TEXT), roles={"type": "array"}),
    },
    group=_PLACE,
    groups=TEXT,
    group_ids=TEXT,
)
_LISTS = {"type": "array", "items": TEXT}
_REMOTE = object_of(
    ["type"],
    more=False,
    type=TEXT,
    any_one_of=_LISTS,
    not_any_of=_LISTS,
    whitelist=_LISTS,
    blacklist=_LISTS,
    regex=BOOLEAN,
)
_RULE = object_of(
    ["local", "remote"],
    more=False,
    local={"type": "array", "items": _LOCAL},
    remote={"type": "array", "minItems": 1, "items": _REMOTE},
)
MAPPING = _only(
    "mapping",
    object_of(
        ["rules"],
        rules={"type": "array", "minItems": 1, "items": _RULE},
        schema_version=nullable({"type": "string", "enum": ["1.0", "2.0"]}),
    ),
)

_URL = {"type": "string", "maxLength": 255, "pattern": r"^[a-zA-Z0-9+.-]+:.+"}
_SERVICE_PROVIDER = object_of(
    ["auth_url", "sp_url"],
    more=False,
    auth_url=_URL,
    sp_url=_URL,
    description=nullable(TEXT),
    enabled=BOOLEAN,
    relay_state_prefix=nullable({"type": "string", "maxLength": 255}),
)
SERVICE_PROVIDER_CREATE = _only("service_provider", _SERVICE_PROVIDER)
SERVICE_PROVIDER_UPDATE = _only("service_provider", changes(_SERVICE_PROVIDER))
