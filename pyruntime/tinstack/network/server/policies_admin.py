"""Policy rules of what operators set up for all projects, by their upstream names."""

from tinstack.network.server.policies_l3 import ADMIN, crud

ANYBODY = "@"

DEFAULTS = {
    **crud("flavor", ANYBODY, ADMIN),
    **crud("service_profile", ADMIN, ADMIN),
    "create_flavor_service_profile": ADMIN,
    "delete_flavor_service_profile": ADMIN,
    "get_flavor_next_provider": ADMIN,
    "get_service_provider": ANYBODY,
    **crud("default_security_group_rule", ANYBODY, ADMIN),
    **crud("network_segment_range", ADMIN, ADMIN),
    **crud("segment", ADMIN, ADMIN),
    **crud("log", ADMIN, ADMIN),
    "get_loggable_resource": ADMIN,
    "get_floatingip_pool": ANYBODY,
    "get_auto_allocated_topology": "rule:project_reader_or_admin",
    "delete_auto_allocated_topology": "rule:project_member_or_admin",
}
