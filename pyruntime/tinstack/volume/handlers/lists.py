"""What lists of volumes and snapshots share: whose, sorted how, from where."""

import ast
from typing import Any
from urllib.parse import urlencode

import msgspec

from tinstack.core.http import Request
from tinstack.core.http.app import PROJECT
from tinstack.volume.errors import Invalid
from tinstack.volume.store import Wanted

MOST = 1000


def wanted(request: Request, sortable: set[str]) -> Wanted:
    """Project, order, limit and offset; the filters are each list's own. Raises Invalid."""
    return Wanted(
        project=_project(request),
        order=_order(request, sortable),
        metadata=metadata(request),
        limit=limit(request) or MOST if limit(request) != 0 else 0,
        offset=_number(request, "offset") or 0,
    )


def _project(request: Request) -> str | None:
    """Own things, unless an admin (or a service) asks for all or for another project's."""
    context, query = request.context, request.query
    if not (context.is_admin or context.is_service):
        return request.project_id
    other = query.get("project_id") or query.get("tenant_id")
    if query.boolean("all_tenants", False):
        return other
    return request.project_id


def limit(request: Request) -> int | None:
    """The limit asked for."""
    found = _number(request, "limit")
    return None if found is None else min(found, MOST)


def _number(request: Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not text.isdecimal() or int(text) > 2**31 - 1:
        raise Invalid(f"{name} param must be an integer that is not negative, not '{text}'")
    return int(text)


def _order(request: Request, sortable: set[str]) -> list[tuple[str, bool]]:
    query = request.query
    if "sort" in query and ("sort_key" in query or "sort_dir" in query):
        raise Invalid(
            "The 'sort_key' and 'sort_dir' parameters are deprecated and cannot be used with the 'sort' parameter."
        )
    text = query.get("sort") or f"{query.get('sort_key') or 'created_at'}:{query.get('sort_dir') or 'desc'}"
    order = []
    for part in text.split(","):
        key, _, direction = part.strip().partition(":")
        key = {"display_name": "name"}.get(key, key)
        if key not in sortable:
            raise Invalid(f"Invalid sort keys passed: {key}")
        if direction not in ("", "asc", "desc"):
            raise Invalid(f"Invalid sort direction passed: {direction}")
        order.append((key, direction == "asc"))
    if "id" not in {key for key, _ in order}:
        order.append(("id", order[-1][1]))
    return order


def metadata(request: Request) -> dict[str, str]:
    """``metadata={'key': 'value'}``, as clients write it (JSON or Python)."""
    text = request.query.get("metadata")
    if text is None:
        return {}
    try:
        found: Any = msgspec.json.decode(text)
    except msgspec.DecodeError:
        try:
            found = ast.literal_eval(text) if len(text) < 10_000 else None
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            found = None
    if not isinstance(found, dict):
        raise Invalid(f"The metadata filter '{text[:100]}' is not a dictionary.")
    return {str(key): str(value) for key, value in found.items()}


def pages(request: Request, rows: list[Any], path: str) -> dict[str, Any]:
    """``…_links`` with the next page, where a limit was asked for and the page is full."""
    most = limit(request)
    if not most or len(rows) < most:
        return {}
    kept = [(key, value) for key, value in request.query.pairs if key not in ("marker", "offset")]
    project = request.path.get(PROJECT)
    prefix = f"/v3/{project}" if project else "/v3"
    href = f"{request.root_url}{prefix}{path}?{urlencode([*kept, ('marker', rows[-1].id)])}"
    return {f"{path.split('/')[1]}_links": [{"rel": "next", "href": href}]}
