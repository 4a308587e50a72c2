"""Lists: filters on attributes, sorting, paging by marker, in one statement whose text is compiled once per shape.

Source: Network API reference, General information (filtering, sorting, pagination); unknown filters are refused (400), as
the filter-validation extension says.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Integer, and_, bindparam, false, func, or_, select, true

from tinstack.core.clock import SECOND, parse_iso
from tinstack.core.db import Prepared, prepared, to_json
from tinstack.core.errors import NotFound
from tinstack.core.http import Request
from tinstack.core.http.request import FALSE, TRUE
from tinstack.network.server import rows as r
from tinstack.network.server import store
from tinstack.network.server.errors import HTTPBadRequest

R = TypeVar("R", bound=r.Owned)

NO_LIMIT = 2**31 - 1
CONTROL = {"fields", "limit", "marker", "page_reverse", "sort_key", "sort_dir"}
TAG_FILTERS = ("tags", "tags-any", "not-tags", "not-tags-any")

STANDARD = {"name": "text", "description": "text", "revision_number": "int", "created_at": "time", "updated_at": "time"}
"""Columns that most tables have."""

Visible = Callable[[], ColumnElement[bool]]
"""What a project sees, on the parameter ``project``."""


class Attribute(NamedTuple):
    """A column that a list may be filtered and sorted by. ``kind``: text, int or bool."""

    column: ColumnElement[Any]
    kind: str = "text"
    nullable: bool = False


class Special(NamedTuple):
    """A filter that is no column: ``clause(parameter name)``, with its value made from the text by ``value``."""

    clause: Callable[[str], ColumnElement[bool]]
    value: Callable[[str], Any] = str


class Listing(Generic[R]):
    """What may be asked of one kind of resource. ``specials``: (name, value prefix) → filter, e.g. ``fixed_ips``.

    The parameter ``viewer`` of their clauses is the caller's project.
    """

    def __init__(
        self,
        resource: store.Resource[R],
        path: str,
        visible: Visible,
        attributes: Mapping[str, Attribute],
        specials: Mapping[str, Special] | None = None,
    ) -> None:
        self.resource, self.path, self.visible = resource, path, visible
        columns = resource.table.c
        self.attributes: dict[str, Attribute] = {
            "id": Attribute(columns.id),
            "project_id": Attribute(columns.project_id),
            "tenant_id": Attribute(columns.project_id),
            **{name: Attribute(columns[name], kind) for name, kind in STANDARD.items() if name in columns},
            **attributes,
        }
        self.specials = dict(specials or {})
        self.standard = "tags" in columns


class Shape(NamedTuple):
    """All that a statement's text depends on."""

    listing: Any
    own: bool
    filters: tuple[tuple[str, int], ...]
    order: tuple[tuple[str, bool], ...]
    marker: bool


class Page(msgspec.Struct, kw_only=True):
    """The rows of a page and what its links need."""

    rows: list[Any]
    limit: int | None
    reverse: bool


async def page(
    request: Request, db: store.Reader, listing: Listing[R], within: Mapping[str, str] | None = None
) -> Page:
    """The rows that the caller asks for and sees; ``within``: attributes that the path fixes.

    Raises HTTPBadRequest, NotFound for an unknown marker.
    """
    filters, parameters = _filters(request, listing, within or {})
    order = _order(request, listing)
    limit, reverse = request.query.integer("limit"), bool(request.query.boolean("page_reverse", False))
    marker = request.query.get("marker")
    if limit is None and marker is None:
        reverse = False
    project = request.visible_project()
    if reverse:
        order = tuple((name, not ascending) for name, ascending in order)
    if marker:
        row = await listing.resource.get(db, marker)
        if row is None:
            raise NotFound(f"The marker {marker} could not be found.")
        for place, (name, _) in enumerate(order):
            parameters[f"after_{place}"] = _value_of(row, listing.attributes[name])
    parameters |= {"project": project, "viewer": request.project_id}
    shape = Shape(listing, project is not None, filters, order, bool(marker))
    rows = await db.all(_statement(shape), listing.resource.row, most=limit or NO_LIMIT, **parameters)
    return Page(rows=rows[::-1] if reverse else rows, limit=limit or None, reverse=reverse)


def links(request: Request, listing: Listing[Any], page: Page) -> list[dict[str, str]]:
    """``next`` where the page is full, ``previous`` likewise; from an empty page the way leads to the other end."""
    if page.limit is None:
        return []
    full = len(page.rows) >= page.limit
    first, last = ([("marker", page.rows[at].id)] if page.rows else [] for at in (0, -1))
    found = []
    if full or page.reverse:
        found.append(_link(request, listing, "next", last))
    if full or not page.reverse:
        found.append(_link(request, listing, "previous", [("page_reverse", "True"), *first]))
    return found


def _link(request: Request, listing: Listing[Any], rel: str, extra: list[tuple[str, str]]) -> dict[str, str]:
    kept = [(key, value) for key, value in request.query.pairs if key not in ("marker", "page_reverse")]
    query = urlencode([*kept, *extra])
    return {"rel": rel, "href": f"{request.root_url}{listing.path.format(**request.path)}?{query}"}


def _value_of(row: r.Owned, attribute: Attribute) -> Any:
    column: Any = attribute.column
    value = getattr(row, column.key)
    if value is None:
        return 0 if attribute.kind in ("int", "time") else ""
    return int(value) if isinstance(value, bool) else value


def _order(request: Request, listing: Listing[Any]) -> tuple[tuple[str, bool], ...]:
    keys, directions = request.query.all("sort_key"), request.query.all("sort_dir")
    if directions and len(keys) != len(directions):
        raise HTTPBadRequest("The number of sort_keys and sort_dirs must be same")
    found: list[tuple[str, bool]] = []
    for place, key in enumerate(keys):
        if key not in listing.attributes:
            raise HTTPBadRequest(f"['{key}'] is invalid attribute for sort_keys")
        direction = directions[place] if directions else "asc"
        if direction not in ("asc", "desc"):
            raise HTTPBadRequest("sort_dirs must be one of asc, desc")
        found.append((key, direction == "asc"))
    if not any(key == "id" for key, _ in found):
        found.append(("id", found[-1][1] if found else True))
    return tuple(found)


def _filters(
    request: Request, listing: Listing[Any], within: Mapping[str, str]
) -> tuple[tuple[tuple[str, int], ...], dict[str, Any]]:
    """The names with how many values each has, and the values as parameters."""
    asked: dict[str, list[Any]] = {}
    unknown = []
    for name, text in [*(pair for pair in request.query.pairs if pair[0] not in within), *within.items()]:
        if name in CONTROL:
            continue
        if name in TAG_FILTERS and listing.standard:
            asked[name] = [*asked.get(name, []), *text.split(",")]
        elif name == "changed_since" and listing.standard:
            asked[name] = [_time(name, text)]
        elif (special := _special(listing, name, text)) is not None:
            asked[special[0]] = [*asked.get(special[0], []), special[1]]
        elif (attribute := listing.attributes.get(name)) is not None:
            asked[name] = [*asked.get(name, []), _typed(name, attribute, text)]
        else:
            unknown.append(name)
    if unknown:
        raise HTTPBadRequest(f"{unknown} is invalid attribute for filtering")
    parameters: dict[str, Any] = {}
    shape = []
    for place, (name, values) in enumerate(sorted(asked.items())):
        if name in TAG_FILTERS:
            values = [start + to_json(tag) for tag in values for start in "[,"]
        else:
            values += [values[-1]] * ((1 << (len(values) - 1).bit_length()) - len(values))
        shape.append((name, len(values)))
        parameters |= {f"f{place}_{number}": value for number, value in enumerate(values)}
    return tuple(shape), parameters


def _special(listing: Listing[Any], name: str, text: str) -> tuple[str, Any] | None:
    """``fixed_ips=ip_address=…`` is the filter ``fixed_ips=ip_address``; some have no such prefix."""
    prefix, equals, rest = text.partition("=")
    if equals and (found := listing.specials.get(f"{name}={prefix}")):
        return f"{name}={prefix}", found.value(rest)
    if found := listing.specials.get(name):
        return name, found.value(text)
    if any(known.startswith(f"{name}=") for known in listing.specials):
        raise HTTPBadRequest(f"Invalid filter value for {name}: '{text}'")
    return None


def _typed(name: str, attribute: Attribute, text: str) -> Any:
    if attribute.kind == "bool":
        if text.lower() not in TRUE | FALSE:
            raise HTTPBadRequest(f"Invalid input for {name}. Reason: '{text}' cannot be converted to boolean.")
        return int(text.lower() in TRUE)
    if attribute.kind == "int":
        if not text.lstrip("-").isdecimal():
            raise HTTPBadRequest(f"Invalid input for {name}. Reason: '{text}' is not an integer.")
        return int(text)
    if attribute.kind == "time":
        return _time(name, text)
    if attribute.kind == "ip":
        return plain_ip(text)
    return text


def _time(name: str, text: str) -> int:
    try:
        return parse_iso(text)
    except ValueError as error:
        raise HTTPBadRequest(f"The input {name} must be in the following format: YYYY-MM-DDTHH:MM:SS[Z]") from error


def plain_ip(text: str) -> str:
    """An address in its usual form; what is none stays as it is, and matches nothing."""
    try:
        return str(ip_address(text))
    except ValueError:
        return text


@lru_cache(maxsize=1024)
def _statement(shape: Shape) -> Prepared:
    listing: Listing[Any] = shape.listing
    table = listing.resource.table
    query = select(table)
    if shape.own:
        query = query.where(listing.visible())
    for place, (name, number) in enumerate(shape.filters):
        query = query.where(_clause(listing, name, [f"f{place}_{one}" for one in range(number)]))
    if shape.marker:
        query = query.where(_after(listing, shape.order))
    for name, ascending in shape.order:
        column = _sorted_by(listing.attributes[name])
        query = query.order_by(column.asc() if ascending else column.desc())
    return prepared(query.limit(bindparam("most", type_=Integer)))


def _clause(listing: Listing[Any], name: str, parameters: list[str]) -> ColumnElement[bool]:
    table = listing.resource.table
    if name in TAG_FILTERS:
        has = [_has_tag(table.c.tags, *pair) for pair in zip(parameters[::2], parameters[1::2], strict=True)]
        clause = or_(*has) if name.endswith("any") else and_(*has)
        return ~clause if name.startswith("not") else clause
    if name == "changed_since":
        return table.c.updated_at >= bindparam(parameters[0])
    if special := listing.specials.get(name):
        return or_(*(special.clause(parameter) for parameter in parameters))
    attribute = listing.attributes[name]
    column = attribute.column
    if attribute.kind == "time":
        moments: list[Any] = [bindparam(one, type_=BigInteger) for one in parameters]
        return or_(*(and_(column >= moment, column < moment + SECOND) for moment in moments))
    if attribute.nullable and attribute.kind != "int":
        column = func.coalesce(column, "")
    if len(parameters) == 1:
        return column == bindparam(parameters[0])
    return column.in_([bindparam(one) for one in parameters])


def _has_tag(column: ColumnElement[Any], first: str, later: str) -> ColumnElement[bool]:
    """A tag as it stands in the JSON list: after the bracket, or after a comma outside of quotes."""
    return or_(func.instr(column, bindparam(first)) == 1, func.instr(column, bindparam(later)) > 0)


def _sorted_by(attribute: Attribute) -> ColumnElement[Any]:
    if not attribute.nullable:
        return attribute.column
    return func.coalesce(attribute.column, 0 if attribute.kind == "int" else "")


def _after(listing: Listing[Any], order: tuple[tuple[str, bool], ...]) -> ColumnElement[bool]:
    """Rows that come behind the marker in that order."""
    steps: list[ColumnElement[bool]] = [false()]
    equal: list[ColumnElement[bool]] = [true()]
    for place, (name, ascending) in enumerate(order):
        column = _sorted_by(listing.attributes[name])
        mark: Any = bindparam(f"after_{place}")
        steps.append(and_(*equal, column > mark if ascending else column < mark))
        equal.append(column == mark)
    return or_(*steps)
