"""Errors of the Identity API and how they are written. Source: Identity API v3 reference, "Errors"."""

import msgspec

from tinstack.core.errors import ApiError, BadRequest, Conflict, Forbidden, NotFound, Unauthorized
from tinstack.core.http import Request
from tinstack.core.http.app import Rendered


class Missing(NotFound):
    """404: no such user, project, role …"""

    code, message = "identity.missing", "Could not find {kind}: {id}."


class NameTaken(Conflict):
    """409: a unique name is in use."""

    code, message = (
        "identity.name_taken",
        "It is not permitted to have two {kind}s with the same name in one domain: {name}.",
    )


class Invalid(BadRequest):
    """400: a value that the schema can't judge."""

    code = "identity.invalid"


class ActionForbidden(Forbidden):
    """403: the state of the resource does not allow it."""

    code, message = "identity.forbidden", "You are not authorized to perform the requested action: {why}."


class SignInRefused(Unauthorized):
    """401: says nothing of what was wrong."""

    code = "identity.refused"


class TokenMissing(NotFound):
    """404: the subject token is not valid."""

    code, message = "identity.token", "Could not find token."


def render(error: ApiError, request: Request | None) -> Rendered:
    """``{"error": {"code", "message", "title"}}``."""
    if error.status == 401 and request is not None:
        error.headers["WWW-Authenticate"] = f'Keystone uri="{request.root_url}/v3"'
    body = {"error": {"code": error.status, "message": error.text, "title": error.title}}
    return Rendered("application/json", msgspec.json.encode(body))
