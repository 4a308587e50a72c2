"""Bodies: ``{"network": {...}}`` or ``{"networks": [...]}``, known attributes only, values as their schemas want them.

What text stands for a boolean or a number is taken as one, as the API always did.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from tinstack.core.http import Request
from tinstack.core.http.routes import Schema
from tinstack.network.server.errors import HTTPBadRequest, violation
from tinstack.network.server.policies import DEFAULTS as RULES

WORDS = {"true": True, "false": False, "1": True, "0": False}

READ_ONLY = ("created_at", "updated_at", "revision_number", "status")


class Kind:
    """The bodies of one kind of resource.

    ``create``, ``update``: JSON schemas by attribute; ``required``: of ``create``; ``shown``: attributes that exist but can't
    be given (the error says so).
    """

    def __init__(
        self,
        singular: str,
        plural: str,
        *,
        create: Mapping[str, Any],
        update: Mapping[str, Any],
        required: Iterable[str] = (),
        shown: Iterable[str] = (),
    ) -> None:
        self.singular, self.plural = singular, plural
        self._create, self._update, self._required = dict(create), dict(update), tuple(required)
        self._known = {*create, *update, *shown, *READ_ONLY, "id", "tenant_id", "project_id"}
        self._create_schema = Schema({"type": "object", "properties": self._create})
        self._update_schema = Schema({"type": "object", "properties": self._update})

    def created(self, request: Request) -> tuple[list[dict[str, Any]], bool]:
        """The bodies of a POST, and whether it is of several. Raises HTTPBadRequest."""
        body = request.body
        if isinstance(body, dict) and isinstance(body.get(self.plural), list):
            items = body[self.plural]
            if not items:
                raise HTTPBadRequest("Resources required")
            return [self._checked_create(request, self._object(item)) for item in items], True
        return [self._checked_create(request, self._inner(body))], False

    def updated(self, request: Request) -> dict[str, Any]:
        """The body of a PUT. Raises HTTPBadRequest."""
        item = dict(self._inner(request.body))
        self._refuse_unknown(item)
        for name in item:
            if name not in self._update:
                raise HTTPBadRequest(f"Cannot update read-only attribute {name}")
        return _checked(self._update, self._update_schema, item)

    def answer(self, shown: list[dict[str, Any]], *, bulk: bool) -> dict[str, Any]:
        """Of a POST."""
        return {self.plural: shown} if bulk else {self.singular: shown[0]}

    def _object(self, item: Any) -> dict[str, Any]:
        inner = item.get(self.singular, item) if isinstance(item, dict) else item
        if not isinstance(inner, dict):
            raise HTTPBadRequest(f"Invalid input for {self.plural}. Reason: each must be an object.")
        return inner

    def _inner(self, body: Any) -> dict[str, Any]:
        if not isinstance(body, dict) or self.singular not in body:
            raise HTTPBadRequest(f"Unable to find '{self.singular}' in request body")
        if len(body) != 1 or not isinstance(body[self.singular], dict):
            raise HTTPBadRequest(f"The body must hold '{self.singular}', an object, and nothing else")
        inner: dict[str, Any] = body[self.singular]
        return inner

    def _refuse_unknown(self, item: Mapping[str, Any]) -> None:
        unknown = sorted(set(item) - self._known)
        if unknown:
            raise HTTPBadRequest(f"Unrecognized attribute(s) '{', '.join(unknown)}'")

    def _checked_create(self, request: Request, given: Mapping[str, Any]) -> dict[str, Any]:
        item = dict(given)
        self._refuse_unknown(item)
        project = _project(request, item)
        for name in item:
            if name not in self._create:
                raise HTTPBadRequest(f"Attribute '{name}' not allowed in POST")
        for name in self._required:
            if name not in item:
                raise HTTPBadRequest(f"Failed to parse request. Required attribute '{name}' not specified")
        checked = _checked(self._create, self._create_schema, item)
        checked["project_id"] = project if project is not None else request.project_id
        return checked


def _project(request: Request, item: dict[str, Any]) -> str | None:
    """``tenant_id`` and ``project_id`` are one. Raises HTTPBadRequest."""
    given = [item.pop(name, None) for name in ("tenant_id", "project_id")]
    found = [one for one in given if one is not None]
    if found and found[0] != found[-1]:
        raise HTTPBadRequest("'project_id' and 'tenant_id' do not match")
    project = found[0] if found else None
    if project is not None and (not isinstance(project, str) or len(project) > 64):
        raise HTTPBadRequest("Invalid input for project_id. Reason: it is no id of a project.")
    context = request.context
    if project not in (None, context.project_id) and not (context.is_admin or context.is_service):
        raise HTTPBadRequest(
            "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges"
        )
    return project


def _checked(schemas: Mapping[str, Any], schema: Schema, item: dict[str, Any]) -> dict[str, Any]:
    coerced = {name: _coerced(schemas[name], value) for name, value in item.items()}
    if problem := schema.check(coerced):
        raise violation(*problem)
    return coerced


def _coerced(schema: Mapping[str, Any], value: Any) -> Any:
    kind = schema.get("type")
    if kind == "boolean":
        if isinstance(value, str):
            return WORDS.get(value.lower(), value)
        return bool(value) if value in (0, 1) and not isinstance(value, bool) else value
    wants_number = kind == "integer" or (isinstance(kind, list) and "integer" in kind and "string" not in kind)
    if wants_number and isinstance(value, str) and value.lstrip("-").isdecimal():
        return int(value)
    return value


def authorize_attributes(
    request: Request, action: str, item: Mapping[str, Any], target: Mapping[str, Any], defaults: Mapping[str, Any]
) -> None:
    """Those attributes whose rule exists and whose value is not what it is without being given."""
    for name, value in item.items():
        if name in defaults and value == defaults[name]:
            continue
        rule = f"{action}:{name}"
        if rule in RULES:
            request.authorize(rule, target)
        for inner in _inner_names(value):
            if f"{rule}:{inner}" in RULES:
                request.authorize(f"{rule}:{inner}", target)


def _inner_names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value)
    if isinstance(value, list):
        return {name for one in value if isinstance(one, dict) for name in one}
    return set()
