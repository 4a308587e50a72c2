"""The route table's words: Route, versions, since, Microversions.

A service's ``routes.py`` is one list of ``Route``s in the order of the API reference. Several routes may share method and
path: bands of microversions that do not overlap, or actions (``POST …/action``) told apart by the body's only key.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import jsonschema_rs


class Version(NamedTuple):
    """A microversion; compares as numbers."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def V(major: int, minor: int) -> Version:
    """``V(2, 47)``."""
    return Version(major, minor)


def parse_version(text: str) -> Version:
    """``"2.47"``. Raises ValueError."""
    major, dot, minor = text.partition(".")
    if not dot or not (major.isdecimal() and minor.isdecimal()) or len(text) > 12:
        raise ValueError(text)
    return Version(int(major), int(minor))


class Since:
    """A value that changes with the microversion: the newest entry not above the version asked for."""

    def __init__(self, *pairs: Any) -> None:
        self._bands = [(parse_version(pairs[i]), pairs[i + 1]) for i in range(0, len(pairs), 2)]

    def at(self, version: Version | None) -> Any:
        """The value at ``version`` (the first one where the API has no microversions)."""
        found = self._bands[0][1]
        for start, value in self._bands:
            if version is not None and version >= start:
                found = value
        return found


def since(*pairs: Any) -> Any:
    """``since("2.1", 200, "2.2", 201)``."""
    return Since(*pairs)


class Schema:
    """A JSON schema, compiled at first use. ``check`` gives the first error as (path, message) or None."""

    __slots__ = ("_validator", "document")

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._validator: Any = None

    def check(self, value: Any) -> tuple[str, str, Any] | None:
        """(path, message, offending value) of the first error."""
        if self._validator is None:
            self._validator = jsonschema_rs.Draft4Validator(self.document, validate_formats=True, formats=FORMATS)
        if self._validator.is_valid(value):
            return None
        error = next(iter(self._validator.iter_errors(value)))
        return "/".join(str(part) for part in error.instance_path), error.message, error.instance


FORMATS: dict[str, Callable[[str], bool]] = {}
"""Formats beyond JSON schema's own, by name; services may add theirs."""


class SchemaVersions:
    """A schema per band of microversions."""

    def __init__(self, bands: list[tuple[str, dict[str, Any]]]) -> None:
        self._bands = [(parse_version(first), Schema(document)) for first, document in bands]

    def at(self, version: Version | None) -> Schema:
        """The schema that holds at ``version``."""
        found = self._bands[0][1]
        for start, schema in self._bands:
            if version is not None and version >= start:
                found = schema
        return found


def versions(*bands: tuple[str, dict[str, Any]]) -> SchemaVersions:
    """``versions(("2.1", {...}), ("2.2", {...}))``: full JSON schemas, each from that version on."""
    return SchemaVersions(list(bands))


class Microversions(NamedTuple):
    """``service``: the name in ``OpenStack-API-Version``; ``legacy``: an older header that is answered too."""

    service: str
    minimum: Version
    maximum: Version
    legacy: str | None = None
    default: Version | None = None


Handler = Callable[[Any, Any], Awaitable[Any]]


class Route:
    """One operation of an API.

    ``method`` and ``path`` (below the API's root, ``{name}`` placeholders); ``handler(request, service)`` gives the body
    (anything msgspec writes as JSON; None: empty) or a ``Response``; ``policy``: the rule checked against the caller's own
    project before the handler runs, or None with ``public=True`` (no token) or ``checked=True`` (the handler calls
    ``request.authorize`` with the target it finds, and the answer is 500 if it forgot).
    ``body``: a schema (dict or ``versions``); ``stream=True``: the body is the handler's, unread. ``query``: likewise, on
    a dict of strings. ``status``: a number or ``since(...)``. ``action``: the only key of the body. ``first``/``last``:
    microversions. ``media``: content types accepted beside application/json.
    """

    __slots__ = (
        "action", "body", "checked", "first", "handler", "last", "media", "method", "path", "policy", "public", "query", "status", "stream"
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        path: str,
        handler: Handler,
        policy: str | None = None,
        *,
        body: dict[str, Any] | SchemaVersions | None = None,
        query: dict[str, Any] | SchemaVersions | None = None,
        status: int | Since | None = None,
        action: str | None = None,
        first: str | None = None,
        last: str | None = None,
        public: bool = False,
        checked: bool = False,
        stream: bool = False,
        media: tuple[str, ...] = (),
    ) -> None:
        if policy is None and not (public or checked):
            raise ValueError(f"{method} {path} has no policy")
        self.method, self.path, self.handler, self.policy = method, path, handler, policy
        self.body = versions(("0.0", body)) if isinstance(body, dict) else body
        self.query = versions(("0.0", query)) if isinstance(query, dict) else query
        self.status = status if status is not None else {"POST": 201, "DELETE": 204}.get(method, 200)
        self.action, self.public, self.checked, self.stream, self.media = action, public, checked, stream, media
        self.first = parse_version(first) if first else None
        self.last = parse_version(last) if last else None

    def holds_at(self, version: Version | None) -> bool:
        """Whether the route is there at that microversion."""
        if version is None:
            return True
        return (self.first is None or version >= self.first) and (self.last is None or version <= self.last)

    def status_at(self, version: Version | None) -> int:
        """The status of success."""
        status = self.status
        return int(status.at(version)) if isinstance(status, Since) else status
