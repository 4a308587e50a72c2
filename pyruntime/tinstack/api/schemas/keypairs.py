"""Key pairs. Source: compute API reference, "Keypairs"."""

from tinstack.api.schemas.words import STRING, Json, keyed, wrapped
from tinstack.core.http import versions

_NAME: Json = {"type": "string", "minLength": 1, "maxLength": 255}
_TYPE: Json = {"type": "string", "enum": ["ssh", "x509"]}
_USER: Json = {"type": "string", "minLength": 1, "maxLength": 255}
_BASE: Json = {"name": _NAME, "public_key": STRING}

CREATE = versions(
    ("2.1", wrapped("keypair", keyed(_BASE, ("name",)))),
    ("2.2", wrapped("keypair", keyed({**_BASE, "type": _TYPE}, ("name",)))),
    ("2.10", wrapped("keypair", keyed({**_BASE, "type": _TYPE, "user_id": _USER}, ("name",)))),
    ("2.92", wrapped("keypair", keyed({**_BASE, "type": _TYPE, "user_id": _USER}, ("name", "public_key")))),
)

_LIMIT: Json = {"type": "string", "pattern": "^[0-9]*$"}
INDEX = versions(
    ("2.1", keyed({}, more=True)),
    ("2.10", keyed({"user_id": STRING}, more=True)),
    ("2.35", keyed({"user_id": STRING, "limit": _LIMIT, "marker": STRING}, more=True)),
    ("2.75", keyed({"user_id": STRING, "limit": _LIMIT, "marker": STRING})),
)
SHOW = versions(
    ("2.1", keyed({}, more=True)),
    ("2.10", keyed({"user_id": STRING}, more=True)),
    ("2.75", keyed({"user_id": STRING})),
)
