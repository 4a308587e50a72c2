"""Ranges of segments. Source: Network API reference, Network Segment Ranges."""

from collections.abc import Sequence
from uuid import uuid4

from tinstack.core.http import Request
from tinstack.network.server import segment_ranges, store_admin, views_admin
from tinstack.network.server.handlers import computed
from tinstack.network.server.handlers.common import Body, shown, target
from tinstack.network.server.parts import Parts
from tinstack.network.server.revisions import expected
from tinstack.network.server.rows_admin import SegmentRange
from tinstack.network.server.schemas.setup import SEGMENT_RANGE
from tinstack.network.server.segment_ranges import (
    RANGES,
    NetworkSegmentRangeDefaultReadOnly,
    NetworkSegmentRangeNotFound,
)

NAMES = (
    "id", "name", "description", "project_id", "tenant_id", "default", "shared", "network_type", "physical_network",
    "minimum", "maximum", "revision_number", "created_at", "updated_at",
)  # fmt: skip


async def _rendered(parts: Parts, rows: Sequence[SegmentRange]) -> list[Body]:
    default = {one.id for one in segment_ranges.configured(parts.config)}
    used = await segment_ranges.used(parts.db)
    return [views_admin.segment_range(row, segment_ranges.inside(row, used), default=row.id in default) for row in rows]


async def _found(request: Request, parts: Parts) -> SegmentRange:
    id = request.path["id"]
    for one in segment_ranges.configured(parts.config):
        if one.id == id:
            return one
    return await RANGES.get(parts.db, id)


async def _own(request: Request, parts: Parts, action: str) -> SegmentRange:
    """One that may be changed. Raises NetworkSegmentRangeNotFound, NetworkSegmentRangeDefaultReadOnly."""
    row = await _found(request, parts)
    if not request.may("get_network_segment_range", target(row)):
        raise NetworkSegmentRangeNotFound(id=row.id)
    request.authorize(f"{action}_network_segment_range", target(row))
    if any(one.id == row.id for one in segment_ranges.configured(parts.config)):
        raise NetworkSegmentRangeDefaultReadOnly(id=row.id)
    return row


async def index(request: Request, parts: Parts) -> Body:
    """Those of the configuration first; nothing for those who may not see any."""
    rows: list[SegmentRange] = []
    if request.may("get_network_segment_range", {}):
        rows = [*segment_ranges.configured(parts.config), *await parts.db.all(store_admin.EVERY_RANGE, SegmentRange)]
    return computed.listed(request, "network_segment_ranges", await _rendered(parts, rows), NAMES)


async def show(request: Request, parts: Parts) -> Body:
    """One range."""
    row = await _found(request, parts)
    if not request.may("get_network_segment_range", target(row)):
        raise NetworkSegmentRangeNotFound(id=row.id)
    return shown(request, "network_segment_range", (await _rendered(parts, [row]))[0])


async def create(request: Request, parts: Parts) -> Body:
    """One range or several."""
    items, bulk = SEGMENT_RANGE.created(request)
    rows = []
    for item in items:
        request.authorize("create_network_segment_range", {"project_id": item["project_id"]})
        item.pop("default", None)
        shared = item.get("shared", True)
        values = item | {"physical_network": item.get("physical_network") or ""}
        rows.append(SegmentRange(**{**values, "id": str(uuid4()), "project_id": "" if shared else item["project_id"]}))
    made = await RANGES.create(parts.changes, rows)
    return SEGMENT_RANGE.answer(await _rendered(parts, made), bulk=bulk)


async def update(request: Request, parts: Parts) -> Body:
    """Rename, widen, narrow to what is in use."""
    row = await _own(request, parts, "update")
    item = SEGMENT_RANGE.updated(request)
    changed = await RANGES.update(parts.changes, row.id, item, expected(request))
    return {"network_segment_range": (await _rendered(parts, [changed]))[0]}


async def delete(request: Request, parts: Parts) -> None:
    """Remove a range from which no network has a segment."""
    row = await _own(request, parts, "delete")
    await RANGES.delete(parts.changes, row.id, expected(request))
