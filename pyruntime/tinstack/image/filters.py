"""The query string of the image list. Source: Image API v2 reference, List images, filters and sorting."""

import csv
from typing import Any

from sqlalchemy import ColumnElement

from tinstack.core.clock import parse_iso
from tinstack.core.http import Request
from tinstack.image import tables as t
from tinstack.image.errors import Invalid
from tinstack.image.rows import ACCEPTED
from tinstack.image.store import SORTABLE, Wanted

DEFAULT_LIMIT, MOST = 25, 1000
MOST_VALUES = 1000

_PAGING = {"limit", "marker", "sort", "sort_key", "sort_dir"}
_IN = {"id", "name", "status", "container_format", "disk_format"}
_EQUAL = {"owner", "checksum", "os_hash_algo", "os_hash_value"}
_NUMBERS = {"min_disk", "min_ram", "size", "virtual_size"}
_BOOLEANS = {"protected", "os_hidden"}
_TIMES = {"created_at", "updated_at"}


def wanted(request: Request) -> Wanted:
    """Everything but the marker's row. Raises Invalid."""
    found = Wanted(project=request.visible_project(), order=_order(request), limit=_limit(request))
    query = request.query
    for name in dict(query.pairs):
        if name in _PAGING:
            continue
        if name == "tag":
            found.tags = query.all("tag")
        elif name == "visibility":
            found.visibility = _one_of(query.get(name), name, "public", "private", "shared", "community", "all")
        elif name == "member_status":
            found.member_status = _one_of(query.get(name), name, "pending", "accepted", "rejected", "all") or ACCEPTED
        else:
            text = query.get(name) or ""
            condition = _condition(name, text)
            if condition is None:
                found.properties[name] = text
            else:
                found.conditions.append(condition)
    if "os_hidden" not in query:
        found.conditions.append(t.images.c.os_hidden == 0)
    return found


def _one_of(text: str | None, name: str, *values: str) -> str | None:
    if text not in values:
        raise Invalid(f"Invalid value '{text}' for filter {name}: it must be one of {', '.join(values)}.")
    return text


def _condition(name: str, text: str) -> ColumnElement[bool] | None:
    """A condition on a column; None for a custom property."""
    if name in _IN:
        column = t.images.c[name]
        if not text.startswith("in:"):
            return column == text
        return column.in_(_values(text[3:]))
    if name in _EQUAL:
        return t.images.c[name] == text
    if name in _NUMBERS:
        return t.images.c[name] == _number(name, text)
    if name in ("size_min", "size_max"):
        size = t.images.c.size
        return size >= _number(name, text) if name == "size_min" else size <= _number(name, text)
    if name in _BOOLEANS:
        if text.lower() not in ("true", "false"):
            raise Invalid(f"Invalid value '{text}' for filter {name}: it must be true or false.")
        return t.images.c[name] == int(text.lower() == "true")
    if name in _TIMES:
        return _time(name, text)
    return None


def _values(text: str) -> list[str]:
    """Comma-separated values; one that holds a comma is in double quotes."""
    try:
        found = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise Invalid(f"The values '{text}' of an in: filter can't be read: {error}.") from error
    if not found or not all(found) or len(found) > MOST_VALUES:
        raise Invalid("An in: filter needs at least one value, and none may be empty.")
    return found


def _number(name: str, text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise Invalid(f"The filter {name} must be an integer, not '{text}'.") from None
    if not 0 <= value < 2**63:
        raise Invalid(f"The filter {name} is out of range: {text}.")
    return value


def _time(name: str, text: str) -> ColumnElement[bool]:
    operator, colon, rest = text.partition(":")
    if operator not in ("gt", "gte", "lt", "lte", "eq", "neq") or not colon:
        operator, rest = "eq", text
    try:
        moment = parse_iso(rest)
    except ValueError:
        raise Invalid(f"The filter {name} must be a time in ISO 8601, not '{rest}'.") from None
    column: Any = t.images.c[name]
    second = moment + 1_000_000
    found: dict[str, ColumnElement[bool]] = {
        "gt": column >= second,
        "gte": column >= moment,
        "lt": column < moment,
        "lte": column < second,
        "eq": (column >= moment) & (column < second),
        "neq": (column < moment) | (column >= second),
    }
    return found[operator]


def _limit(request: Request) -> int:
    text = request.query.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not text.isdecimal():
        raise Invalid("limit param must be an integer that is not negative")
    return min(int(text), MOST)


def _order(request: Request) -> list[tuple[str, bool]]:
    """(key, ascending) in order; ends with the id, so that it is total."""
    query = request.query
    combined = query.get("sort")
    keys, directions = query.all("sort_key"), query.all("sort_dir")
    if combined is not None:
        if keys or directions:
            raise Invalid("Old and new sorting syntax cannot be combined")
        pairs = [part.strip().partition(":")[::2] for part in combined.split(",")]
        keys, directions = [key for key, _ in pairs], [direction or "desc" for _, direction in pairs]
    if not keys:
        keys = ["created_at"]
    if not directions:
        directions = ["desc"]
    if len(directions) == 1:
        directions = directions * len(keys)
    if len(directions) != len(keys):
        raise Invalid("Number of sort dirs does not match the number of sort keys")
    for direction in directions:
        if direction not in ("asc", "desc"):
            raise Invalid(f"Invalid sort direction: {direction}")
    for key in keys:
        if key not in SORTABLE:
            raise Invalid(f"sort_key must be one of {', '.join(SORTABLE)}, not '{key}'.")
    order = [(key, direction == "asc") for key, direction in zip(keys, directions, strict=True)]
    for key in ("created_at", "id"):
        if key not in keys:
            order.append((key, order[-1][1]))
    return order
