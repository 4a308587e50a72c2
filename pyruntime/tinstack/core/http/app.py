"""From a table of routes to an ASGI application.

What happens to a request, in order: request ids, microversion, token, body and its schema, policy, handler, answer.
"""

import logging
import re
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import falcon.asgi
import msgspec

from tinstack.core.clock import now_us
from tinstack.core.context import request_id_of_task
from tinstack.core.errors import (
    ApiError,
    BadRequest,
    Forbidden,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    TooLarge,
    Unauthorized,
)
from tinstack.core.http import access
from tinstack.core.http.bodies import JSON, read_body, short
from tinstack.core.http.refusals import note_refusal
from tinstack.core.http.request import Request, Response
from tinstack.core.http.restrict import Authenticator, check_access_rules
from tinstack.core.http.routes import Microversions, Route, Schema, Version, parse_version
from tinstack.core.policy import Policy

log = logging.getLogger(__name__)

PROJECT = "project_in_path"
"""The placeholder of a root that stands for the token's own project."""
PROJECT_ID = re.compile(r"[0-9a-z-]*[0-9][0-9a-z-]*")
"""What can be a project's id and no resource's name."""
IN_HEADERS = " !\"#$%&'()*+,/:;<=>?@[\\]^`{|}"
"""What stays as it is in the value of a header, beside letters and digits; all else is percent-encoded (RFC 3986)."""
REQUEST_ID = re.compile(r"req-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

_encode = msgspec.json.Encoder().encode


class Rendered(NamedTuple):
    """An error as bytes with its content type."""

    content_type: str
    data: bytes


ErrorRenderer = Callable[[ApiError, Request | None], Rendered]
Violation = Callable[[str, str, Any], ApiError]


def plain_violation(path: str, message: str, value: Any) -> ApiError:
    """The 400 for a body that its schema refuses, as most services word it."""
    return BadRequest(f"Invalid input for field/attribute {path or 'body'}. Value: {short(value)}. {message}")


class Api:
    """What the table needs to become an application.

    ``root``: path prefixes under which the routes are served (the first is canonical), e.g. ``("/v2.1",)``; a prefix may
    hold placeholders such as ``/v3/{project_id}``. ``service``: passed to handlers. ``error``: how errors are written.
    ``types``: the service's types in the catalog, by which access rules of application credentials know it.
    ``launches``: whether hosts come here with launch tokens, whose claims the handlers check; elsewhere such a token is nothing.
    ``head``: HEAD is answered wherever GET is. ``empty_ids``: a collection's path with a slash behind it is the item of the
    empty id, which is not there; elsewhere it is the collection.
    A placeholder ``{project_in_path}`` in a root is the token's own project, 400 for any other.
    """

    def __init__(
        self,
        *,
        routes: Iterable[Route],
        service: Any,
        policy: Policy,
        authenticator: Authenticator,
        error: ErrorRenderer,
        root: tuple[str, ...] = ("",),
        microversions: Microversions | None = None,
        max_body: int = 1024 * 1024,
        violation: Violation = plain_violation,
        request_id_header: str = "x-openstack-request-id",
        extra_id_header: str | None = None,
        launches: bool = False,
        head: bool = False,
        types: tuple[str, ...] = (),
        empty_ids: bool = False,
    ) -> None:
        self.routes, self.service, self.policy, self.authenticator = list(routes), service, policy, authenticator
        self.error, self.root, self.microversions, self.max_body = error, root, microversions, max_body
        self.violation, self.request_id_header, self.extra_id_header = violation, request_id_header, extra_id_header
        self.launches, self.head, self.types, self.empty_ids = launches, head, types, empty_ids

    def negotiate(self, asgi: falcon.asgi.Request) -> Version | None:
        """The microversion asked for; raises NotAcceptable (406) outside of what is served, BadRequest for nonsense."""
        if not (micro := self.microversions):
            return None
        text = self._text(asgi)
        if text is None:
            return micro.default or micro.minimum
        if text == "latest":
            return micro.maximum
        try:
            version = parse_version(text)
        except ValueError as error:
            raise BadRequest(
                f"API Version String {short(text)} is of invalid format. Must be of format MajorNum.MinorNum."
            ) from error
        if not micro.minimum <= version <= micro.maximum:
            raise NotAcceptable(
                f"Version {version} is not supported by the API. Minimum is {micro.minimum} and maximum is {micro.maximum}."
            )
        return version

    def _text(self, asgi: falcon.asgi.Request) -> str | None:
        """The version as the headers have it."""
        assert self.microversions
        text: str | None = None
        modern = asgi.get_header("OpenStack-API-Version")
        for part in (modern or "").split(","):
            name, _, value = part.strip().partition(" ")
            if name.lower() == self.microversions.service:
                text = value.strip()
        if text is None and self.microversions.legacy:
            text = asgi.get_header(self.microversions.legacy)
        return text

    def asked(self, asgi: falcon.asgi.Request) -> Version | None:
        """The version that a refused request named, to be echoed; the default where it is none."""
        micro = self.microversions
        if micro is None:
            return None
        try:
            return parse_version(self._text(asgi) or "")
        except ValueError:
            return micro.default or micro.minimum

    def version_headers(self, version: Version | None) -> dict[str, str]:
        """The headers that echo the version."""
        if not (micro := self.microversions) or version is None:
            return {}
        headers = {"OpenStack-API-Version": f"{micro.service} {version}", "Vary": "OpenStack-API-Version"}
        if micro.legacy:
            headers[micro.legacy] = str(version)
            headers["Vary"] = f"OpenStack-API-Version, {micro.legacy}"
        return headers


class _Resource:
    """All routes of one path. ``has_items``: with a slash behind it, it is the item whose id is empty."""

    def __init__(self, api: Api, routes: list[Route], *, has_items: bool, name: str) -> None:
        self.api, self.has_items, self.name = api, has_items, name
        self.by_method: dict[str, list[Route]] = defaultdict(list)
        for route in routes:
            self.by_method[route.method].append(route)
        if api.head and "GET" in self.by_method and "HEAD" not in self.by_method:
            self.by_method["HEAD"] = self.by_method["GET"]
        for method in self.by_method:
            setattr(self, f"on_{method.lower()}", self._responder(method))

    def _responder(self, method: str) -> Callable[..., Any]:
        routes = self.by_method[method]

        async def respond(asgi: falcon.asgi.Request, answer: falcon.asgi.Response, **path: str) -> None:
            if self.has_items and asgi.scope["path"].endswith("/"):
                raise falcon.HTTPNotFound
            began = time.perf_counter()
            request = await answer_request(self.api, routes, asgi, answer, path)
            access.note(self.name, method, routes[0].path or "/", request, answer, time.perf_counter() - began)

        return respond


async def answer_request(
    api: Api, routes: list[Route], asgi: falcon.asgi.Request, answer: falcon.asgi.Response, path: dict[str, str]
) -> Request:
    """Everything from the first header to the last byte of the answer, or to the first of one that is streamed."""
    project = path.get(PROJECT)
    request = Request(asgi, api.policy, path, f"req-{uuid4()}", now_us())
    given = asgi.get_header("X-OpenStack-Request-Id")
    request_id_of_task.set(given if given and REQUEST_ID.fullmatch(given) else request.request_id)
    answer.set_header(api.request_id_header, request.request_id)
    if api.extra_id_header:
        answer.set_header(api.extra_id_header, request.request_id)
    try:
        request.version = api.negotiate(asgi)
    except ApiError as error:
        answer.set_headers(api.version_headers(api.asked(asgi)))
        _write_error(api, answer, error, request)
        return request
    try:
        answer.set_headers(api.version_headers(request.version))
        route, result = await _run(api, routes, request, project)
        _write(answer, route.status_at(request.version), result)
    except ApiError as error:
        note_refusal(request.context_or_none, request.asgi, error)
        _write_error(api, answer, error, request)
    except falcon.HTTPError:
        raise
    except Exception:
        log.exception("%s %s failed", asgi.method, asgi.path)
        _write_error(api, answer, ApiError(), request)
    return request


async def _run(api: Api, routes: list[Route], request: Request, project: str | None) -> tuple[Route, Any]:
    there = [route for route in routes if route.holds_at(request.version)]
    if not there:
        raise NotFound
    public = all(route.public for route in there)
    token = request.asgi.get_header("X-Auth-Token")
    if token:
        try:
            request.context_or_none = await api.authenticator.authenticate(token)
        except Unauthorized:
            if not public:
                raise
    elif not public:
        raise Unauthorized
    if request.context_or_none and request.context_or_none.launch and not api.launches:
        raise Forbidden("A launch token allows nothing here.")
    if not public:
        await check_access_rules(request, api.types, api.authenticator)
    if project is not None and request.context_or_none and project != request.context.project_id:
        if not PROJECT_ID.fullmatch(project):
            raise NotFound
        raise BadRequest(
            f"Malformed request URL: URL's project_id '{project}' doesn't match Context's project_id "
            f"'{request.context.project_id}'"
        )
    if not there[0].stream:
        request.body = await read_body(request, there, api.max_body)
    route = _choose(there, request.body, routes)
    request.action = route.action or ""
    if route.query is not None:
        _check(api, route.query.at(request.version), request.query.flat())
    if route.policy is not None and not route.checked:
        request.authorize(route.policy)
    if route.body is not None and not route.stream:
        _check(api, route.body.at(request.version), request.body)
    result = await route.handler(request, api.service)
    if route.checked and not request.authorized:
        log.error("the handler of %s %s asked no policy", route.method, route.path)
        raise ApiError
    return route, result


def _choose(routes: list[Route], body: Any, at_any_version: list[Route]) -> Route:
    """Raises BadRequest for an action that there is not, NotFound for one of other microversions."""
    if routes[0].action is None:
        return routes[0]
    if not isinstance(body, dict) or len(body) != 1:
        raise BadRequest("An action is a JSON object with exactly one key, the action's name.")
    name = next(iter(body))
    for route in routes:
        if route.action == name:
            return route
    if any(route.action == name for route in at_any_version):
        raise NotFound
    raise BadRequest(f"There is no such action: {short(name)}.")


def _check(api: Api, schema: Schema, value: Any) -> None:
    problem = schema.check(value)
    if problem:
        raise api.violation(*problem)


def _write(answer: falcon.asgi.Response, status: int, result: Any) -> None:
    if isinstance(result, Response):
        status = result.status or status
        for name, value in result.headers.items():
            answer.set_header(name, quote(value, safe=IN_HEADERS))
        if result.stream is not None:
            answer.status = status
            answer.content_type = result.content_type or "application/octet-stream"
            if result.length is not None:
                answer.content_length = result.length
            answer.stream = result.stream
            return
        content_type, body = result.content_type, result.body
    else:
        content_type, body = None, result
    answer.status = status
    if body is None:
        if status not in (204, 205, 304):
            answer.content_length = 0
        return
    answer.content_type = content_type or JSON
    answer.data = body if isinstance(body, bytes) else _encode(body)


def _write_error(api: Api, answer: falcon.asgi.Response, error: ApiError, request: Request | None) -> None:
    rendered = api.error(error, request)
    answer.status = error.status
    answer.content_type = rendered.content_type
    answer.data = rendered.data
    for name, value in error.headers.items():
        answer.set_header(name, quote(value, safe=IN_HEADERS))


def build(apis: Iterable[Api], name: str = "") -> "falcon.asgi.App[Any, Any]":
    """One application of several APIs (a versions document and the API itself, say); their paths must differ.

    ``name``: the service's, in its metrics and in its log's lines about requests.
    """
    app = falcon.asgi.App()
    app.req_options.auto_parse_form_urlencoded = False
    app.req_options.strip_url_path_trailing_slash = True
    everything = list(apis)
    by_path: dict[str, tuple[Api, list[Route]]] = {}
    for api in everything:
        for root in api.root:
            for route in api.routes:
                by_path.setdefault(root + route.path or "/", (api, []))[1].append(route)
    with_items = {path.rpartition("/")[0] for path in by_path if path.endswith("}")}
    for path, (api, routes) in by_path.items():
        app.add_route(path, _Resource(api, routes, has_items=api.empty_ids and path in with_items, name=name))

    async def on_http_error(asgi: Any, answer: Any, error: falcon.HTTPError, params: Any, **_: Any) -> None:
        api = next((a for a in everything if any(_under(asgi.path, r) for r in a.root)), everything[-1])
        told = _translated(error)
        if isinstance(told, MethodNotAllowed) and asgi.scope["path"].endswith("/"):
            told = NotFound()  # an item of the collection whose id is empty
        _write_error(api, answer, told, None)
        try:
            version = api.negotiate(asgi)
        except ApiError:
            version = api.asked(asgi)
        answer.set_headers(api.version_headers(version))
        if "Allow" in (error.headers or {}) and told.status == MethodNotAllowed.status:
            answer.set_header("Allow", dict(error.headers or {})["Allow"])

    async def on_crash(asgi: Any, answer: Any, error: Exception, params: Any, **_: Any) -> None:
        log.error("%s %s failed\n%s", asgi.method, asgi.path, "".join(traceback.format_exception(error)))
        _write_error(everything[-1], answer, ApiError(), None)

    app.add_error_handler(Exception, on_crash)
    app.add_error_handler(falcon.HTTPError, on_http_error)
    return app


def _under(path: str, root: str) -> bool:
    return bool(root) and path.startswith(root.split("{")[0].rstrip("/"))


def _translated(error: falcon.HTTPError) -> ApiError:
    status = int(str(error.status)[:3])
    if status == 404:
        return NotFound()
    if status == 405:
        return MethodNotAllowed()
    if status == 413:
        return TooLarge()
    if status < 500:
        return BadRequest(error.description or error.title or "The request is not valid.")
    return ApiError()
