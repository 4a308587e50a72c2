"""Lists that are worked out rather than stored: filters on every attribute, sorting, paging and ``fields``, in memory.

Source: Network API reference, General information (filtering, sorting, pagination).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from tinstack.core.errors import NotFound
from tinstack.core.http import Request
from tinstack.core.http.request import FALSE, TRUE
from tinstack.network.server import views
from tinstack.network.server.errors import HTTPBadRequest
from tinstack.network.server.handlers.common import Body
from tinstack.network.server.listing import CONTROL


def listed(request: Request, plural: str, items: Sequence[Body], known: Iterable[str], key: str = "id") -> Body:
    """The answer. ``known``: the attributes that may be filtered and sorted by; ``key``: the one that markers name.

    Raises HTTPBadRequest, NotFound for an unknown marker.
    """
    names = set(known)
    found = _sorted(request, _filtered(request, items, names), names, key)
    page, links = _page(request, plural, found, key)
    fields = request.query.all("fields")
    body: Body = {plural: [views.chosen(one, fields) for one in page]}
    if links:
        body[f"{plural}_links"] = links
    return body


def _filtered(request: Request, items: Sequence[Body], known: set[str]) -> list[Body]:
    asked: dict[str, list[str]] = {}
    for name, text in request.query.pairs:
        if name not in CONTROL:
            asked.setdefault(name, []).append(text)
    if unknown := [name for name in asked if name not in known]:
        raise HTTPBadRequest(f"{unknown} is invalid attribute for filtering")
    return [one for one in items if all(_fits(one.get(name), texts) for name, texts in asked.items())]


def _fits(value: Any, texts: Iterable[str]) -> bool:
    """Text compares without case, as the collation of Neutron's database does."""
    if isinstance(value, bool):
        return any(text.lower() in (TRUE if value else FALSE) for text in texts)
    if isinstance(value, list):
        return any(text in value for text in texts)
    return any(("" if value is None else str(value)).lower() == text.lower() for text in texts)


def _sorted(request: Request, items: list[Body], known: set[str], key: str) -> list[Body]:
    keys, directions = request.query.all("sort_key"), request.query.all("sort_dir")
    if directions and len(keys) != len(directions):
        raise HTTPBadRequest("The number of sort_keys and sort_dirs must be same")
    if any(one not in ("asc", "desc") for one in directions):
        raise HTTPBadRequest("sort_dirs must be one of asc, desc")
    if unknown := [name for name in keys if name not in known]:
        raise HTTPBadRequest(f"{unknown} is invalid attribute for sort_keys")
    found = sorted(items, key=_by(key)) if keys or "limit" in request.query else items
    for place in range(len(keys) - 1, -1, -1):
        descending = bool(directions) and directions[place] == "desc"
        found = sorted(found, key=_by(keys[place]), reverse=descending)
    return found


def _by(name: str) -> Callable[[Body], tuple[bool, str]]:
    return lambda one: (one.get(name) is not None, str(one.get(name)))


def _page(request: Request, plural: str, items: list[Body], key: str) -> tuple[list[Body], list[dict[str, str]]]:
    limit, marker = request.query.integer("limit"), request.query.get("marker")
    if not limit and marker is None:
        return items, []
    reverse = bool(request.query.boolean("page_reverse", False))
    ids = [one[key] for one in items]
    if marker is not None and marker not in ids:
        raise NotFound(f"The marker {marker} could not be found.")
    if reverse:
        end = ids.index(marker) if marker is not None else len(items)
        start = max(0, end - limit) if limit else 0
    else:
        start = ids.index(marker) + 1 if marker is not None else 0
        end = min(len(items), start + limit) if limit else len(items)
    page = items[start:end]
    links = []
    if limit and page and end < len(items):
        links.append(_link(request, "next", page[-1][key], []))
    if limit and page and start > 0:
        links.append(_link(request, "previous", page[0][key], [("page_reverse", "True")]))
    return page, links


def _link(request: Request, rel: str, marker: str, extra: list[tuple[str, str]]) -> dict[str, str]:
    kept = [(name, value) for name, value in request.query.pairs if name not in ("marker", "page_reverse")]
    query = urlencode([*kept, *extra, ("marker", marker)])
    return {"rel": rel, "href": f"{request.root_url}{request.asgi.path}?{query}"}
