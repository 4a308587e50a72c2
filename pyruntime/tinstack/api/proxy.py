"""Calls of the proxy APIs to other services, in the user's own name, with what they refuse in this API's codes."""

from typing import Any

from tinstack.api.errors import Invalid, TooMany
from tinstack.api.parts import Compute
from tinstack.api.user_calls import ask
from tinstack.core.client import Answer, RemoteError
from tinstack.core.context import Context
from tinstack.core.errors import ApiError, Conflict, Forbidden, NotFound

OVER_QUOTA = "Quota exceeded"
_KINDS: dict[int, type[ApiError]] = {400: Invalid, 403: Forbidden, 404: NotFound, 409: Conflict, 413: TooMany}


def refused(error: RemoteError) -> ApiError:
    """What another service refuses, as this API says it; what it could not do stays what it is."""
    if error.remote_status == 409 and OVER_QUOTA in error.text:
        return TooMany(error.text)
    kind = _KINDS.get(error.remote_status)
    return kind(error.text) if kind else error


async def through(
    compute: Compute,
    context: Context,
    method: str,
    service: str,
    path: str,
    *,
    json: Any = None,
    version: str | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Raises Invalid, TooMany, Forbidden, NotFound, Conflict, ServiceUnreachable."""
    try:
        return await ask(compute, context, method, service, path, json=json, version=version, headers=headers)
    except RemoteError as error:
        raise refused(error) from error
