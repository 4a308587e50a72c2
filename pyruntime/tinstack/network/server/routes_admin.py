"""Routes of what operators set up for all projects."""

from tinstack.core.http import Route
from tinstack.network.server.handlers import default_rules, flavors, pools, ranges, topology
from tinstack.network.server.schemas.setup import PROFILE_OF_FLAVOR

V = "/v2.0"
DEFAULT_RULES = f"{V}/default-security-group-rules"
RANGES = f"{V}/network_segment_ranges"

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

    Route("GET",    RANGES,                    ranges.index, "user_token"),
    Route("POST",   RANGES,                    ranges.create, "user_token", body={}),
    Route("GET",    f"{RANGES}/{{id}}",        ranges.show, "user_token"),
    Route("PUT",    f"{RANGES}/{{id}}",        ranges.update, "user_token", body={}),
    Route("DELETE", f"{RANGES}/{{id}}",        ranges.delete, "user_token"),

    Route("GET",    f"{V}/auto-allocated-topology/{{project}}", topology.show, "user_token"),
    Route("DELETE", f"{V}/auto-allocated-topology/{{project}}", topology.delete, "user_token"),

    Route("GET",    f"{V}/floatingip_pools",   pools.index, "get_floatingip_pool"),
]
# fmt: on
