"""Bodies about resource providers, traits, aggregates and classes; query parameters."""

from tinstack.core.http import versions
from tinstack.placement.schemas.words import CUSTOM, GENERATION, NAME, UUID, UUID_LIKE, list_of, map_of, object_of

PARENT = {"anyOf": [UUID, {"type": "null"}]}
CREATE = versions(
    ("1.0", object_of({"name": NAME, "uuid": UUID}, "name")),
    ("1.14", object_of({"name": NAME, "uuid": UUID, "parent_provider_uuid": PARENT}, "name")),
)
UPDATE = versions(
    ("1.0", object_of({"name": NAME}, "name")),
    ("1.14", object_of({"name": NAME, "parent_provider_uuid": PARENT}, "name")),
)

TEXT = {"type": "string"}
_PLAIN = {"name": TEXT, "uuid": UUID}
_MEMBER = {**_PLAIN, "member_of": TEXT}
_ROOM = {**_MEMBER, "resources": TEXT}
_TREE = {**_ROOM, "in_tree": UUID}
LIST = versions(
    ("1.0", object_of(_PLAIN)),
    ("1.3", object_of(_MEMBER)),
    ("1.4", object_of(_ROOM)),
    ("1.14", object_of(_TREE)),
    ("1.18", object_of({**_TREE, "required": TEXT})),
)

TRAITS = object_of(
    {
        "traits": list_of({"type": "string", "pattern": "^[A-Z0-9_]+$"}, unique=True),
        "resource_provider_generation": GENERATION,
    },
    "traits",
    "resource_provider_generation",
)
TRAITS_QUERY = object_of({"name": {"type": "string", "pattern": "^(startswith|in):[A-Z0-9_,]+$"}, "associated": TEXT})
AGGREGATES = versions(
    ("1.1", list_of(UUID_LIKE, unique=True)),
    (
        "1.19",
        object_of(
            {"aggregates": list_of(UUID_LIKE, unique=True), "resource_provider_generation": GENERATION},
            "aggregates",
            "resource_provider_generation",
        ),
    ),
)
CLASS = object_of({"name": CUSTOM}, "name")

_CANDIDATES = {"resources": TEXT}
_C16 = {**_CANDIDATES, "limit": {"type": "string", "pattern": "^[1-9][0-9]*$"}}
_C17 = {**_C16, "required": TEXT}
_C21 = {**_C17, "member_of": TEXT}
_C25 = {**_C21, "group_policy": {"type": "string", "enum": ["none", "isolate"]}}
_GRANULAR = {"^resources[1-9][0-9]*$": TEXT, "^required[1-9][0-9]*$": TEXT, "^member_of[1-9][0-9]*$": TEXT}
_IN_TREE = {"^in_tree[1-9][0-9]*$": UUID}
_NAMED = map_of(r"^(resources|required|member_of|in_tree)[a-zA-Z0-9_-]{1,64}$", TEXT)["patternProperties"]
_C35 = {**_C25, "in_tree": UUID, "root_required": TEXT}
CANDIDATES = versions(
    ("1.10", object_of(_CANDIDATES, "resources")),
    ("1.16", object_of(_C16, "resources")),
    ("1.17", object_of(_C17, "resources")),
    ("1.21", object_of(_C21, "resources")),
    ("1.25", {**object_of(_C25), "patternProperties": _GRANULAR}),
    ("1.31", {**object_of({**_C25, "in_tree": UUID}), "patternProperties": {**_GRANULAR, **_IN_TREE}}),
    ("1.33", {**object_of({**_C25, "in_tree": UUID}), "patternProperties": _NAMED}),
    ("1.35", {**object_of(_C35), "patternProperties": _NAMED}),
    ("1.36", {**object_of({**_C35, "same_subtree": TEXT}), "patternProperties": _NAMED}),
)
