"""Bodies of projects, their tags, and domains."""

from tinstack.identity.schemas.words import BOOLEAN, ID, NAME, OPTIONS, TEXT, body, changes, nullable, object_of

LONGEST_TAG = 255
TAG = {"type": "string", "minLength": 1, "maxLength": LONGEST_TAG, "pattern": "^[^,/]*$"}
TAG_LIST = {"type": "array", "items": TAG, "maxItems": 80, "uniqueItems": True}
_SHORT_NAME = NAME | {"maxLength": 64}

_PROJECT = object_of(
    ["name"],
    name=_SHORT_NAME,
    domain_id=nullable(ID),
    parent_id=nullable(ID),
    is_domain=BOOLEAN,
    enabled=BOOLEAN,
    description=nullable(TEXT),
    tags=TAG_LIST,
    options=OPTIONS,
)
CREATE = body("project", _PROJECT)
UPDATE = body(
    "project", changes(_PROJECT) | {"minProperties": 0}
)  # the handler wants something, once it knows who asks
TAGS = object_of(["tags"], tags=TAG_LIST)

CONFIG = body("config", {"type": "object"})

_DOMAIN = object_of(
    ["name"],
    name=_SHORT_NAME,
    enabled=BOOLEAN,
    description=nullable(TEXT),
    tags=TAG_LIST,
    options=OPTIONS,
    explicit_domain_id={"type": "string", "pattern": "^[0-9a-f]{32}$"},
)
DOMAIN_CREATE = body("domain", _DOMAIN)
DOMAIN_UPDATE = body("domain", changes(_DOMAIN))
