"""What a handler gets and what it may give back."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

import falcon.asgi
import msgspec

from tinstack.core.context import Context
from tinstack.core.errors import BadRequest, PolicyForbidden, Unauthorized
from tinstack.core.http.routes import Version
from tinstack.core.policy import Policy, Target

TRUE = {"1", "t", "true", "on", "y", "yes"}
MOST, MOST_DIGITS = 2**63 - 1, 19
"""A larger number is as good as this one: databases take none."""

FALSE = {"0", "f", "false", "off", "n", "no"}


class Query:
    """The query string: several values per name are kept in order."""

    def __init__(self, text: str) -> None:
        self.pairs = parse_qsl(text, keep_blank_values=True) if text else []

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.pairs)

    def all(self, name: str) -> list[str]:
        """Every value of ``name``."""
        return [value for key, value in self.pairs if key == name]

    def get(self, name: str, default: str | None = None) -> str | None:
        """The last value of ``name``."""
        found = self.all(name)
        return found[-1] if found else default

    def flat(self) -> dict[str, str]:
        """Each name with its last value."""
        return dict(self.pairs)

    def integer(self, name: str, default: int | None = None) -> int | None:
        """A non-negative integer, no larger than a database takes; raises BadRequest."""
        text = self.get(name)
        if text is None:
            return default
        if not text.isdecimal():
            raise BadRequest(f"The query parameter {name} must be a non-negative integer, not '{text}'.")
        return int(text) if len(text) < MOST_DIGITS else MOST

    def boolean(self, name: str, default: bool | None = None) -> bool | None:
        """``true``, ``1``, ``yes`` … or ``false``, ``0``, ``no`` …; raises BadRequest."""
        text = self.get(name)
        if text is None:
            return default
        if text.lower() in TRUE:
            return True
        if text.lower() in FALSE:
            return False
        raise BadRequest(f"The query parameter {name} must be true or false, not '{text}'.")


class Response:
    """An answer that is not just a body with the route's status. ``stream``: an async iterator of bytes."""

    __slots__ = ("body", "content_type", "headers", "length", "status", "stream")

    def __init__(
        self,
        status: int | None = None,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        content_type: str | None = None,
        stream: AsyncIterator[bytes] | None = None,
        length: int | None = None,
    ) -> None:
        self.status, self.body, self.headers = status, body, dict(headers or {})
        self.content_type, self.stream, self.length = content_type, stream, length


class Request:
    """One request, after its token, version and body were checked."""

    __slots__ = (
        "_query",
        "action",
        "asgi",
        "authorized",
        "body",
        "context_or_none",
        "path",
        "policy",
        "request_id",
        "started",
        "version",
    )

    def __init__(
        self, asgi: falcon.asgi.Request, policy: Policy, path: dict[str, str], request_id: str, started: int
    ) -> None:
        self.asgi, self.policy, self.path, self.request_id = asgi, policy, path, request_id
        self.started = started
        """When the request came in, microseconds."""
        self.context_or_none: Context | None = None
        self.version: Version | None = None
        self.body: Any = None
        self.authorized = False
        self.action = ""
        """The route's action, once it is chosen."""
        self._query: Query | None = None

    @property
    def context(self) -> Context:
        """Who asks. Raises Unauthorized on a public route that was called without a token."""
        if self.context_or_none is None:
            raise Unauthorized
        return self.context_or_none

    @property
    def user_id(self) -> str:
        """The caller's user."""
        return self.context.user_id

    @property
    def project_id(self) -> str:
        """The caller's project; '' for a token without one."""
        return self.context.project_id or ""

    @property
    def query(self) -> Query:
        """The query string, parsed at first use."""
        if self._query is None:
            self._query = Query(self.asgi.query_string)
        return self._query

    @property
    def root_url(self) -> str:
        """``scheme://host[:port][/prefix]`` as the caller sees it (X-Forwarded-Proto, -Host, -Prefix count)."""
        get = self.asgi.get_header
        scheme = get("X-Forwarded-Proto") or self.asgi.scheme
        host = get("X-Forwarded-Host") or self.asgi.netloc
        return f"{scheme}://{host}{(get('X-Forwarded-Prefix') or '').rstrip('/')}"

    def header(self, name: str) -> str | None:
        """A header of the request."""
        value: str | None = self.asgi.get_header(name)
        return value

    def at_least(self, major: int, minor: int) -> bool:
        """Whether the microversion is that one or newer."""
        return self.version is not None and self.version >= (major, minor)

    def authorize(self, rule: str, target: Target | None = None) -> None:
        """Check a policy rule against a target (none: the caller's own project); raises PolicyForbidden, 403."""
        self.authorized = True
        self.policy.enforce(rule, self.context, target)

    def may(self, rule: str, target: Target | None = None) -> bool:
        """The same as a question: fields that only some may see, lists that some see whole."""
        self.authorized = True
        context = self.context
        return self.policy.allows(rule, context, context.own() if target is None else target)

    def visible_project(self) -> str | None:
        """The project to which reads are confined; None for admin and our services: they see all."""
        context = self.context
        if context.is_admin or context.is_service:
            return None
        if context.project_id is None:
            raise PolicyForbidden(rule="project scope")
        return context.project_id

    def stream(self) -> AsyncIterator[bytes]:
        """The body in chunks, unread (routes with ``stream=True``). Raises BadRequest when the client goes before its end.

        Falcon takes a disconnect for the end of the body; without a length nobody could tell that data are missing.
        """
        body: Any = self.asgi.stream
        receive = body._receive

        async def receive_or_fail() -> Any:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise BadRequest("The client closed the connection before the end of the request body.")
            return event

        body._receive = receive_or_fail
        chunks: AsyncIterator[bytes] = body.__aiter__()
        return chunks

    async def read_json(self) -> Any:
        """The body of a ``stream=True`` route as JSON; raises BadRequest."""
        try:
            return msgspec.json.decode(await self.asgi.stream.read())
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRequest("The request body is not valid JSON.") from error
