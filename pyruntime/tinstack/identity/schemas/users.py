"""Bodies of users and groups."""

from tinstack.identity.schemas.words import (
    BOOLEAN,
    ID,
    NAME,
    OPTIONS,
    PASSWORD,
    TEXT,
    body,
    changes,
    nullable,
    object_of,
)

_USER = object_of(
    ["name"],
    name=NAME,
    domain_id=ID,
    enabled=BOOLEAN,
    default_project_id=nullable(ID),
    description=nullable(TEXT),
    email=nullable(TEXT),
    password=nullable(PASSWORD),
    options=OPTIONS,
)
CREATE = body("user", _USER)
UPDATE = body("user", changes(_USER))
PASSWORD_CHANGE = body(
    "user", object_of(["original_password", "password"], original_password=PASSWORD, password=PASSWORD)
)

_GROUP = object_of(["name"], name=NAME, domain_id=ID, description=nullable(TEXT))
GROUP_CREATE = body("group", _GROUP)
GROUP_UPDATE = body("group", changes(_GROUP))
