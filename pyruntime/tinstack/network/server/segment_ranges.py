"""Ranges of segments: those of the configuration, which are everybody's, and those that operators make, for all or for one project.

A network gets its segment from its project's own ranges first, then from shared ones; what is some other project's is left out.
Source: Network API reference, Network Segment Ranges.
"""

from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5

import msgspec
from sqlalchemy import select

from tinstack.core.db import Database, Transaction, prepared
from tinstack.core.errors import BadRequest, Conflict, NotFound
from tinstack.network.server import gaps, store_admin
from tinstack.network.server import tables as t
from tinstack.network.server.change import Change
from tinstack.network.server.config import Config
from tinstack.network.server.errors import HTTPBadRequest
from tinstack.network.server.plain import Plain
from tinstack.network.server.rows_admin import SegmentRange

LARGEST = {"vxlan": 2**24 - 1, "gre": 2**31 - 1, "vlan": 4094}

_S, _N = t.segments.c, t.networks.c

IN_USE = prepared(
    select(_S.kind, _S.physical_network, _S.segment, _N.project_id)
    .join(t.networks, _N.id == _S.network_id)
    .where(_S.segment > 0)
    .order_by(_S.segment)
)


class NetworkSegmentRangeNotFound(NotFound):
    code, message = "network.range.not_found", "Network Segment Range {id} could not be found."


class NetworkSegmentRangeReferencedByProject(Conflict):
    code = "network.range.in_use"
    message = "Network Segment Range {id} is referenced by one or more project networks."


class NetworkSegmentRangeOverlaps(Conflict):
    code, message = "network.range.overlaps", "Network segment range overlaps with range(s) with id {ids}"


class NetworkSegmentRangeDefaultReadOnly(BadRequest):
    code = "network.range.default"
    message = "Network Segment Range {id} is a default segment range which could not be updated or deleted."


class Used(msgspec.Struct, frozen=True):
    """A segment that a network has."""

    kind: str
    physical_network: str
    segment: int
    project_id: str


def cursor(kind: str, physical: str) -> str:
    """What takers and changers of these segments lock."""
    return f"{kind}:{physical}"


def configured(config: Config) -> list[SegmentRange]:
    """The ranges of the configuration, with ids that stay."""
    given = [("vxlan", "", config.vxlan_ranges), ("gre", "", config.gre_ranges)]
    given += [("vlan", name, ranges) for name, ranges in sorted(config.vlan_ranges.items())]
    return [
        SegmentRange(
            id=str(uuid5(NAMESPACE_URL, f"tinstack:segment-range:{kind}:{physical}:{low}:{high}")),
            project_id="",
            shared=True,
            network_type=kind,
            physical_network=physical,
            minimum=low,
            maximum=high,
        )
        for kind, physical, ranges in given
        for low, high in ranges
    ]


async def for_project(
    tx: Transaction, config: Config, kind: str, physical: str, project: str
) -> tuple[list[gaps.Range], list[gaps.Range]]:
    """The ranges of the project itself, and those open to it."""
    made = [one for one in await tx.all(store_admin.EVERY_RANGE, SegmentRange) if _of(one, kind, physical)]
    own = [(one.minimum, one.maximum) for one in made if not one.shared and one.project_id == project]
    others = [(one.minimum, one.maximum) for one in made if not one.shared and one.project_id != project]
    shared = [one for one in made if one.shared] + [one for one in configured(config) if _of(one, kind, physical)]
    return own, _without([(one.minimum, one.maximum) for one in shared], others)


def _of(one: SegmentRange, kind: str, physical: str) -> bool:
    return one.network_type == kind and one.physical_network == physical


def _without(ranges: Sequence[gaps.Range], others: Sequence[gaps.Range]) -> list[gaps.Range]:
    found = list(ranges)
    for low, high in others:
        rest = []
        for start, end in found:
            if start < low:
                rest.append((start, min(end, low - 1)))
            if end > high:
                rest.append((max(start, high + 1), end))
            if start >= low and end <= high:
                continue
        found = rest
    return sorted(set(found))


async def used(db: Database) -> list[Used]:
    """Every segment in use."""
    return await db.all(IN_USE, Used)


def inside(one: SegmentRange, rows: Sequence[Used]) -> dict[int, str]:
    """Segment → project, of those in a range that the range is for."""
    return {
        row.segment: row.project_id
        for row in rows
        if _of(one, row.kind, row.physical_network)
        and one.minimum <= row.segment <= one.maximum
        and (one.shared or row.project_id == one.project_id)
    }


async def _check(change: Change, row: SegmentRange) -> None:
    """Raises HTTPBadRequest, NetworkSegmentRangeOverlaps."""
    if row.minimum > row.maximum:
        raise HTTPBadRequest(
            "Invalid input for network_segment_range. Reason: minimum must not be larger than maximum."
        )
    if row.maximum > LARGEST[row.network_type]:
        raise HTTPBadRequest(
            f"Invalid input for maximum. Reason: {row.network_type} ends at {LARGEST[row.network_type]}."
        )
    if (row.network_type == "vlan") != bool(row.physical_network):
        raise HTTPBadRequest("Invalid input for physical_network. Reason: VLAN ranges have one, others have none.")
    if not row.shared and not row.project_id:
        raise HTTPBadRequest("Invalid input for project_id. Reason: a range that is not shared needs one.")
    await gaps.lock_or_add(change.tx, cursor(row.network_type, row.physical_network))
    ids = [
        one.id
        for one in await change.tx.all(store_admin.EVERY_RANGE, SegmentRange)
        if one.id != row.id
        and _of(one, row.network_type, row.physical_network)
        and one.minimum <= row.maximum
        and row.minimum <= one.maximum
    ]
    if ids:
        raise NetworkSegmentRangeOverlaps(ids=", ".join(ids))


async def _change(change: Change, old: SegmentRange, new: SegmentRange) -> None:
    """Raises NetworkSegmentRangeReferencedByProject."""
    await _check(change, new)
    rows = await change.tx.all(IN_USE, Used)
    if set(inside(old, rows)) - set(inside(new, rows)):
        raise NetworkSegmentRangeReferencedByProject(id=old.id)


async def _remove(change: Change, row: SegmentRange) -> None:
    await gaps.lock_or_add(change.tx, cursor(row.network_type, row.physical_network))
    if inside(row, await change.tx.all(IN_USE, Used)):
        raise NetworkSegmentRangeReferencedByProject(id=row.id)


RANGES = Plain(
    store_admin.segment_ranges, NetworkSegmentRangeNotFound, adding=_check, changing=_change, removing=_remove
)
