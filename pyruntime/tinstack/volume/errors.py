"""The volume API's errors: ``{"itemNotFound": {"code": 404, "message": …}}``. Source: Block Storage API v3 reference."""

import msgspec

from tinstack.core.errors import ApiError, BadRequest, NotFound, TooLarge
from tinstack.core.http import Request
from tinstack.core.http.app import Rendered

_KEYS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    501: "notImplemented",
    503: "serviceUnavailable",
}


class NoSuchVolume(NotFound):
    code, message = "volume.not_found", "Volume {id} could not be found."


class NoSuchSnapshot(NotFound):
    code, message = "volume.snapshot.not_found", "Snapshot {id} could not be found."


class NoSuchType(NotFound):
    code, message = "volume.type.not_found", "Volume type {id} could not be found."


class NoSuchAttachment(NotFound):
    code, message = (
        "volume.attachment.not_found",
        "Volume attachment could not be found with filter: attachment_id = {id}.",
    )


class Invalid(BadRequest):
    code = "volume.invalid"


class InvalidState(BadRequest):
    """400: what the operation starts from is not so."""

    code, message = "volume.state", "Invalid volume: {why}"


class OverLimit(TooLarge):
    """413: the quota of the project is used up."""

    code, title = "volume.over_limit", "Over Limit"
    message = "{kind}: Maximum number of {resource} allowed ({limit}) exceeded for quota '{resource}'."


def render(error: ApiError, request: Request | None) -> Rendered:
    """The error under the key of its status."""
    body: dict[str, object] = {"code": error.status, "message": error.text}
    if error.status == 413:
        body["retryAfter"] = "0"
    return Rendered("application/json", msgspec.json.encode({_KEYS.get(error.status, "computeFault"): body}))


def violation(path: str, message: str, value: object) -> ApiError:
    """400 for a body that its schema refuses."""
    where = path.rpartition("/")[2] or "body"
    return Invalid(f"Invalid input for field/attribute {where}. Value: {str(value)[:200]}. {message}")
