"""Every operation of the Network API that is there, in the reference's order.

``USER``: whoever has a token that is no launch token; the handler checks the operation's own rule against what it finds.
"""

from tinstack.core.http import Route
from tinstack.network.server import routes_admin, routes_l3
from tinstack.network.server.handlers import (
    agents,
    availability,
    floatingips,
    groups,
    hosting,
    info,
    networks,
    ports,
    quotas,
    routers,
    subnetpools,
    subnets,
    tags,
)
from tinstack.network.server.routes_sharing import SHARING
from tinstack.network.server.schemas.admin import HOSTED_NETWORK, HOSTED_ROUTER, REPLACE_TAGS
from tinstack.network.server.schemas.routers import EXTRA_ROUTES, GATEWAYS, INTERFACE
from tinstack.network.server.schemas.subnets import ONBOARD, PREFIXES

V = "/v2.0"
USER = "user_token"


def _tag_routes() -> list[Route]:
    found = []
    for kind in tags.TAGGABLE:
        handler, path = tags.handlers(kind), f"{V}/{kind.path}/{{id}}/tags"
        found += [
            Route("GET", path, handler["index"], USER),
            Route("POST", path, handler["extend"], USER, body=REPLACE_TAGS),
            Route("PUT", path, handler["replace"], USER, body=REPLACE_TAGS),
            Route("DELETE", path, handler["clear"], USER),
            Route("GET", f"{path}/{{tag}}", handler["show"], USER, status=204),
            Route("PUT", f"{path}/{{tag}}", handler["add"], USER, status=201),
            Route("DELETE", f"{path}/{{tag}}", handler["remove"], USER),
        ]
    return found


# fmt: off
ROUTES = [
    Route("GET",    "/",                               info.versions, public=True),
    Route("GET",    V,                                 info.version, public=True),
    Route("GET",    f"{V}/extensions",                 info.extensions, "get_extension"),
    Route("GET",    f"{V}/extensions/{{alias}}",       info.extension, "get_extension"),

    Route("GET",    f"{V}/networks",                   networks.index, USER),
    Route("POST",   f"{V}/networks",                   networks.create, USER, body={}),
    Route("GET",    f"{V}/networks/{{id}}",            networks.show, checked=True),
    Route("PUT",    f"{V}/networks/{{id}}",            networks.update, USER, body={}),
    Route("DELETE", f"{V}/networks/{{id}}",            networks.delete, USER),

    Route("GET",    f"{V}/ports",                      ports.index, USER),
    Route("POST",   f"{V}/ports",                      ports.create, checked=True, body={}),
    Route("GET",    f"{V}/ports/{{id}}",               ports.show, checked=True),
    Route("PUT",    f"{V}/ports/{{id}}",               ports.update, checked=True, body={}),
    Route("DELETE", f"{V}/ports/{{id}}",               ports.delete, USER),

    Route("GET",    f"{V}/subnets",                    subnets.index, USER),
    Route("POST",   f"{V}/subnets",                    subnets.create, USER, body={}),
    Route("GET",    f"{V}/subnets/{{id}}",             subnets.show, checked=True),
    Route("PUT",    f"{V}/subnets/{{id}}",             subnets.update, USER, body={}),
    Route("DELETE", f"{V}/subnets/{{id}}",             subnets.delete, USER),

    Route("GET",    f"{V}/subnetpools",                subnetpools.index, USER),
    Route("POST",   f"{V}/subnetpools",                subnetpools.create, USER, body={}),
    Route("GET",    f"{V}/subnetpools/{{id}}",         subnetpools.show, USER),
    Route("PUT",    f"{V}/subnetpools/{{id}}",         subnetpools.update, USER, body={}),
    Route("DELETE", f"{V}/subnetpools/{{id}}",         subnetpools.delete, USER),

    Route("PUT",    f"{V}/subnetpools/{{id}}/add_prefixes",            subnetpools.add_prefixes, USER, body=PREFIXES),
    Route("PUT",    f"{V}/subnetpools/{{id}}/remove_prefixes",         subnetpools.remove_prefixes, USER, body=PREFIXES),
    Route("PUT",    f"{V}/subnetpools/{{id}}/onboard_network_subnets", subnetpools.onboard, USER, body=ONBOARD),

    Route("GET",    f"{V}/floatingips",                floatingips.index, USER),
    Route("POST",   f"{V}/floatingips",                floatingips.create, USER, body={}),
    Route("GET",    f"{V}/floatingips/{{id}}",         floatingips.show, USER),
    Route("PUT",    f"{V}/floatingips/{{id}}",         floatingips.update, USER, body={}),
    Route("DELETE", f"{V}/floatingips/{{id}}",         floatingips.delete, USER),

    Route("GET",    f"{V}/routers",                    routers.index, USER),
    Route("POST",   f"{V}/routers",                    routers.create, USER, body={}),
    Route("GET",    f"{V}/routers/{{id}}",             routers.show, USER),
    Route("PUT",    f"{V}/routers/{{id}}",             routers.update, USER, body={}),
    Route("DELETE", f"{V}/routers/{{id}}",             routers.delete, USER),
    Route("PUT",    f"{V}/routers/{{id}}/add_router_interface",    routers.add_interface, USER, body=INTERFACE),
    Route("PUT",    f"{V}/routers/{{id}}/remove_router_interface", routers.remove_interface, USER, body=INTERFACE),
    Route("PUT",    f"{V}/routers/{{id}}/add_extraroutes",         routers.add_routes, USER, body=EXTRA_ROUTES),
    Route("PUT",    f"{V}/routers/{{id}}/remove_extraroutes",      routers.remove_routes, USER, body=EXTRA_ROUTES),

    Route("PUT",    f"{V}/routers/{{id}}/add_external_gateways",    routers.add_gateways, USER, body=GATEWAYS),
    Route("PUT",    f"{V}/routers/{{id}}/update_external_gateways", routers.update_gateways, USER, body=GATEWAYS),
    Route("PUT",    f"{V}/routers/{{id}}/remove_external_gateways", routers.remove_gateways, USER, body=GATEWAYS),

    Route("GET",    f"{V}/security-groups",            groups.index, USER),
    Route("POST",   f"{V}/security-groups",            groups.create, USER, body={}),
    Route("GET",    f"{V}/security-groups/{{id}}",     groups.show, USER),
    Route("PUT",    f"{V}/security-groups/{{id}}",     groups.update, USER, body={}),
    Route("DELETE", f"{V}/security-groups/{{id}}",     groups.delete, USER),
    Route("GET",    f"{V}/security-group-rules",       groups.index_rules, USER),
    Route("POST",   f"{V}/security-group-rules",       groups.create_rules, USER, body={}),
    Route("GET",    f"{V}/security-group-rules/{{id}}",    groups.show_rule, USER),
    Route("DELETE", f"{V}/security-group-rules/{{id}}",    groups.delete_rule, USER),

    *SHARING,

    Route("GET",    f"{V}/agents",                     agents.index, USER),
    Route("GET",    f"{V}/agents/{{id}}",              agents.show, "get_agent"),
    Route("PUT",    f"{V}/agents/{{id}}",              agents.update, "update_agent", body={}),
    Route("DELETE", f"{V}/agents/{{id}}",              agents.delete, "delete_agent"),
    Route("GET",    f"{V}/agents/{{id}}/l3-routers",   hosting.routers_of, "get_l3-routers"),
    Route("POST",   f"{V}/agents/{{id}}/l3-routers",   hosting.put_router, "create_l3-router", body=HOSTED_ROUTER),
    Route("DELETE", f"{V}/agents/{{id}}/l3-routers/{{router_id}}", hosting.take_router, "delete_l3-router"),
    Route("GET",    f"{V}/routers/{{id}}/l3-agents",   hosting.agents_of_router, "get_l3-agents"),
    Route("GET",    f"{V}/agents/{{id}}/dhcp-networks", hosting.networks_of, "get_dhcp-networks"),
    Route("POST",   f"{V}/agents/{{id}}/dhcp-networks", hosting.put_network, "create_dhcp-network", body=HOSTED_NETWORK),
    Route("DELETE", f"{V}/agents/{{id}}/dhcp-networks/{{network_id}}", hosting.take_network, "delete_dhcp-network"),
    Route("GET",    f"{V}/networks/{{id}}/dhcp-agents", hosting.agents_of_network, "get_dhcp-agents"),
    Route("GET",    f"{V}/availability_zones",         agents.zones, "get_availability_zone"),

    Route("GET",    f"{V}/quotas",                     quotas.index, "list_quotas"),
    Route("GET",    f"{V}/quotas/tenant",              quotas.own_project, USER),
    Route("GET",    f"{V}/quotas/project",             quotas.own_project, USER),
    Route("GET",    f"{V}/quotas/{{project}}",         quotas.show, USER),
    Route("PUT",    f"{V}/quotas/{{project}}",         quotas.update, USER, body={}),
    Route("DELETE", f"{V}/quotas/{{project}}",         quotas.delete, USER),
    Route("GET",    f"{V}/quotas/{{project}}/default", quotas.defaults, USER),
    Route("GET",    f"{V}/quotas/{{project}}/details", quotas.details, USER),
    Route("GET",    f"{V}/quotas/{{project}}/details.json", quotas.details, USER),

    Route("GET",    f"{V}/network-ip-availabilities",  availability.index, "get_network_ip_availability"),
    Route("GET",    f"{V}/network-ip-availabilities/{{id}}", availability.show, "get_network_ip_availability"),

    *routes_l3.ROUTES,

    *routes_admin.ROUTES,

    *_tag_routes(),
]
# fmt: on
