"""The body of a request: read whole, within bounds, as JSON."""

from typing import Any

import msgspec

from tinstack.core.errors import BadRequest, TooLarge, UnsupportedMediaType
from tinstack.core.http.request import Request
from tinstack.core.http.routes import Route

JSON = "application/json"
MOST_NESTED = 64
"""Levels of a body."""

_decode = msgspec.json.Decoder().decode


def short(value: Any) -> str:
    """As text that fits into a sentence."""
    text = str(value)
    return text if len(text) <= 200 else text[:200] + "…"


async def read_body(request: Request, routes: list[Route], most: int) -> Any:
    """The body as JSON; None where there is none or the routes want none. ``most``: bytes.

    Raises BadRequest, TooLarge, UnsupportedMediaType.
    """
    asgi = request.asgi
    length = asgi.content_length
    wants = any(route.body is not None or route.action for route in routes)
    if not length and asgi.get_header("Transfer-Encoding") is None:
        if wants:
            raise BadRequest("The request has no body; a JSON object is expected.")
        return None
    if (length or 0) > most:
        raise TooLarge(f"The request body is larger than {most} bytes.")
    content_type = (asgi.content_type or JSON).split(";")[0].strip().lower()
    media = {kind for route in routes for kind in route.media}
    data = bytearray()
    async for chunk in asgi.stream:
        data += chunk
        if len(data) > most:
            raise TooLarge(f"The request body is larger than {most} bytes.")
    if not data and not wants:
        return None
    if content_type != JSON and content_type not in media:
        if not wants:
            return None
        raise UnsupportedMediaType(f"The content type {short(content_type)} is not supported; send {JSON}.")
    try:
        body = _decode(bytes(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if not wants:
            return None
        raise BadRequest("The request body is not valid JSON.") from error
    if data.count(b"[") + data.count(b"{") > MOST_NESTED and _is_too_deep(body):
        raise BadRequest(f"The request body is nested more than {MOST_NESTED} levels deep.")
    return body


def _is_too_deep(value: Any) -> bool:
    """Whether a value is nested deeper than any API needs, and deeper than schemas and encoders can follow."""
    level = [value]
    for _ in range(MOST_NESTED):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True
