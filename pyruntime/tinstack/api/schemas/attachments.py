"""Volumes of servers. Source: compute API reference, "Servers with volume attachments"."""

from tinstack.api.schemas.words import BOOLEAN, DEVICE_TAG, UUID, Json, keyed, wrapped
from tinstack.core.http import versions

_DEVICE: Json = {"type": ["string", "null"], "pattern": r"(^/dev/x{0,1}[a-z]{0,1}d{0,1})([a-z]+)[0-9]*$"}
_CREATE: Json = {"volumeId": UUID, "device": _DEVICE}
CREATE = versions(
    ("2.1", wrapped("volumeAttachment", keyed(_CREATE, ("volumeId",)))),
    ("2.49", wrapped("volumeAttachment", keyed({**_CREATE, "tag": DEVICE_TAG}, ("volumeId",)))),
    (
        "2.79",
        wrapped(
            "volumeAttachment",
            keyed({**_CREATE, "tag": DEVICE_TAG, "delete_on_termination": BOOLEAN}, ("volumeId",)),
        ),
    ),
)
UPDATE = versions(
    ("2.1", wrapped("volumeAttachment", keyed({"volumeId": UUID}, ("volumeId",)))),
    (
        "2.85",
        wrapped(
            "volumeAttachment",
            keyed(
                {
                    **_CREATE,
                    "tag": DEVICE_TAG,
                    "delete_on_termination": BOOLEAN,
                    "serverId": UUID,
                    "id": UUID,
                },
                ("volumeId",),
            ),
        ),
    ),
)
