"""Bodies of OAuth consumers and of what a user grants."""

from tinstack.identity.schemas.words import TEXT, body, nullable, object_of

_CONSUMER = object_of(description=nullable(TEXT))
CONSUMER_CREATE = body("consumer", _CONSUMER)
CONSUMER_UPDATE = body("consumer", _CONSUMER | {"minProperties": 1})
AUTHORIZE = object_of(
    ["roles"],
    roles={
        "type": "array",
        "minItems": 1,
        "items": {**object_of(id=TEXT, name=TEXT), "anyOf": [{"required": ["id"]}, {"required": ["name"]}]},
    },
)
