"""Paging as the API references have it: ``limit``, ``marker``, and a link to the next page."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tinstack.core.errors import BadRequest
from tinstack.core.http.request import Request


class Page(NamedTuple):
    """``limit``: rows at the most; ``marker``: the id after which to begin; ``explicit``: whether a limit was asked for."""

    limit: int
    marker: str | None
    explicit: bool


def page_of(request: Request, maximum: int = 1000, *, least: int = 0) -> Page:
    """``limit`` and ``marker`` of a request, bounded by ``maximum``. Raises BadRequest."""
    limit = request.query.integer("limit")
    if limit is not None and limit < least:
        raise BadRequest(f"The query parameter limit must be at least {least}.")
    return Page(min(limit, maximum) if limit is not None else maximum, request.query.get("marker"), limit is not None)


def next_link(
    request: Request, path: str, rows: Sequence[Any], page: Page, id_of: Callable[[Any], str]
) -> list[dict[str, str]] | None:
    """The ``…_links`` entry of a list whose page is full; None where the list ended. ``path``: absolute path on our root."""
    if not rows or len(rows) < page.limit:
        return None
    kept = [(key, value) for key, value in request.query.pairs if key not in ("marker",)]
    query = urlencode([*kept, ("marker", id_of(rows[-1]))])
    return [{"rel": "next", "href": f"{request.root_url}{path}?{query}"}]
