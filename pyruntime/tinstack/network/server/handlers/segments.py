"""Segments of networks. Source: Network API reference, Segments."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tinstack.core.http import Request
from tinstack.network.server import lists_admin as lists
from tinstack.network.server import network_segments, views_admin
from tinstack.network.server.handlers.common import Body
from tinstack.network.server.handlers.plain import Noun, simply
from tinstack.network.server.parts import Parts
from tinstack.network.server.rows_admin import Segment
from tinstack.network.server.schemas.segments import SEGMENT


def _columns(item: Mapping[str, Any]) -> dict[str, Any]:
    texts = {name: item[name] or "" for name in ("name", "description") if name in item}
    return {**item, **texts}


SEGMENTS = Noun(
    SEGMENT,
    network_segments.SEGMENTS,
    lists.SEGMENTS,
    new=lambda item: Segment(**_columns(item)),
    shows=simply(views_admin.segment),
    values=_columns,
)


async def create(request: Request, parts: Parts) -> Body:
    """One segment more of a network, or several."""
    items, bulk = SEGMENT.created(request)
    request.authorize("create_segment", {})
    rows = [Segment(**_columns({**item, "id": str(uuid4())})) for item in items]
    made = await network_segments.create(parts.changes, parts.config, rows)
    return SEGMENT.answer([views_admin.segment(row) for row in made], bulk=bulk)
