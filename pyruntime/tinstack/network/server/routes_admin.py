"""Routes of what operators set up for all projects."""

from tinstack.core.http import Route
from tinstack.network.server.handlers import default_rules, flavors, logs, pools, ranges, segments, topology
from tinstack.network.server.schemas.setup import PROFILE_OF_FLAVOR

V = "/v2.0"
DEFAULT_RULES = f"{V}/default-security-group-rules"
RANGES = f"{V}/network_segment_ranges", f"{V}/network-segment-ranges"
POOLS = f"{V}/floatingip_pools", f"{V}/floatingip-pools"
"""By both names, since clients use both."""


def _ranges(path: str) -> list[Route]:
    return [
        Route("GET", path, ranges.index, "user_token"),
        Route("POST", path, ranges.create, "user_token", body={}),
        Route("GET", f"{path}/{{id}}", ranges.show, "user_token"),
        Route("PUT", f"{path}/{{id}}", ranges.update, "user_token", body={}),
        Route("DELETE", f"{path}/{{id}}", ranges.delete, "user_token"),
    ]


# fmt: off
ROUTES: list[Route] = [
    *flavors.FLAVORS.routes(f"{V}/flavors"),
    Route("POST",   f"{V}/flavors/{{id}}/service_profiles", flavors.bind, "create_flavor_service_profile", body=PROFILE_OF_FLAVOR),
    Route("DELETE", f"{V}/flavors/{{id}}/service_profiles/{{profile_id}}", flavors.unbind, "delete_flavor_service_profile"),
    Route("GET",    f"{V}/flavors/{{id}}/next_providers", flavors.next_providers, "get_flavor_next_provider"),
    *flavors.PROFILES.routes(f"{V}/service_profiles"),
    Route("GET",    f"{V}/service-providers",  flavors.providers, "get_service_provider"),

    Route("GET",    DEFAULT_RULES,             default_rules.index, "user_token"),
    *(route for route in default_rules.RULES.routes(DEFAULT_RULES, update=False) if (route.method, route.path) != ("GET", DEFAULT_RULES)),

    *(
        Route("POST", one.path, segments.create, "user_token", body={}) if one.method == "POST" else one
        for one in segments.SEGMENTS.routes(f"{V}/segments")
    ),
    *logs.LOGS.routes(f"{V}/log/logs"),
    Route("GET",    f"{V}/log/loggable-resources", logs.types, "get_loggable_resource"),
    *(route for path in RANGES for route in _ranges(path)),

    Route("GET",    f"{V}/auto-allocated-topology/{{project}}", topology.show, "user_token"),
    Route("DELETE", f"{V}/auto-allocated-topology/{{project}}", topology.delete, "user_token"),

    *(Route("GET",  path, pools.index, "get_floatingip_pool") for path in POOLS),
]
# fmt: on
