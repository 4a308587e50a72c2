"""Errors of the compute API in Nova's form: ``{"itemNotFound": {"code": 404, "message": "…"}}``."""

from typing import Any

import msgspec

from tinstack.core.errors import ApiError, BadRequest, Conflict, Forbidden, NotFound, Unauthorized
from tinstack.core.http.app import Rendered
from tinstack.core.http.bodies import JSON
from tinstack.core.http.request import Request

NAMES = {
    400: "badRequest",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


class FlavorNotFound(NotFound):
    """404: no such flavor, or one that the project may not use."""

    code, message = "compute.flavor.not_found", "Flavor {id} could not be found."


class ServerLocked(Conflict):
    """409: the server is locked."""

    code, message = "compute.server.locked", "Instance {id} is locked"


class Invalid(BadRequest):
    """400: a reference or a value in the body that can't be used; the sentence says which."""

    code = "compute.invalid"


class TooMany(Forbidden):
    """403: a quota would be exceeded."""

    code = "compute.quota"
    message = "Quota exceeded for {resource}: Requested {requested}, but already used {used} of {limit} {resource}"


def violation(path: str, message: str, value: Any) -> ApiError:
    """The 400 for a body that its schema refuses, in Nova's words."""
    text = str(value)
    shown = text if len(text) <= 200 else text[:200] + "…"
    return BadRequest(f"Invalid input for field/attribute {path.split('/')[-1] or 'body'}. Value: {shown}. {message}")


def render(error: ApiError, request: Request | None) -> Rendered:
    """The error as bytes. 401 has the form of the token middleware, as Nova's deployments answer it."""
    if isinstance(error, Unauthorized):
        error.headers.setdefault("WWW-Authenticate", "Keystone")
        body: dict[str, Any] = {"error": {"code": 401, "title": "Unauthorized", "message": error.text}}
    else:
        status = error.status
        body = {NAMES.get(status, "computeFault"): {"code": status, "message": error.text}}
    return Rendered(JSON, msgspec.json.encode(body))
