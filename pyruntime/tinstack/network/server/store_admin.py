"""Queries of what operators set up for all projects."""

from collections.abc import Collection

from sqlalchemy import bindparam, func, select

from tinstack.core.db import prepared
from tinstack.network.server import rows_admin as r
from tinstack.network.server import tables as t
from tinstack.network.server import tables_admin as a
from tinstack.network.server.store import Reader, Resource, all_in

flavors = Resource(a.flavors, r.Flavor)
service_profiles = Resource(a.service_profiles, r.ServiceProfile)
default_rules = Resource(a.default_rules, r.DefaultRule)
segment_ranges = Resource(a.segment_ranges, r.SegmentRange)
network_segments = Resource(a.network_segments, r.Segment)
logs = Resource(a.logs, r.Log)

_P = a.flavor_profiles.c

ALL_FLAVOR_PROFILES = select(a.flavor_profiles).order_by(_P.flavor_id, _P.profile_id)
FLAVORS_OF_PROFILE = prepared(select(a.flavor_profiles).where(_P.profile_id == bindparam("profile")))
ADD_FLAVOR_PROFILE = prepared(a.flavor_profiles.insert())
DROP_FLAVOR_PROFILE = prepared(
    a.flavor_profiles.delete().where(_P.flavor_id == bindparam("flavor"), _P.profile_id == bindparam("profile"))
)
DROP_PROFILES_OF_FLAVOR = prepared(a.flavor_profiles.delete().where(_P.flavor_id == bindparam("flavor")))
ROUTERS_OF_FLAVOR = prepared(
    select(func.count()).select_from(t.routers).where(t.routers.c.flavor_id == bindparam("flavor"))
)
EVERY_DEFAULT_RULE = prepared(default_rules.everything.order_by(a.default_rules.c.created_at, a.default_rules.c.id))
EVERY_RANGE = prepared(segment_ranges.everything.order_by(a.segment_ranges.c.id))


async def profiles_of(db: Reader, flavor_ids: Collection[str]) -> dict[str, list[str]]:
    """The ids of the profiles of several flavors."""
    found: dict[str, list[str]] = {id: [] for id in flavor_ids}
    for one in await all_in(db, ALL_FLAVOR_PROFILES, _P.flavor_id, flavor_ids, r.FlavorProfile):
        found[one.flavor_id].append(one.profile_id)
    return found


async def segments_of(db: Reader, network_ids: Collection[str]) -> dict[str, list[r.Segment]]:
    """The segments of several networks, oldest first."""
    found: dict[str, list[r.Segment]] = {id: [] for id in network_ids}
    ordered = network_segments.everything.order_by(a.network_segments.c.created_at, a.network_segments.c.id)
    for one in await all_in(db, ordered, a.network_segments.c.network_id, network_ids, r.Segment):
        found[one.network_id].append(one)
    return found
