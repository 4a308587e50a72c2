"""Policy rules by their upstream names. Targets carry what rules ask of: ``network:project_id``, ``shared`` and the like.

Attributes of a body that have a rule of their own (``create_port:mac_address``) are checked beside the rule of the action.
"""

from tinstack.network.server import policies_admin, policies_l3

ADMIN = "rule:admin_required"
ADMIN_OR_SERVICE = "rule:admin_or_service"
READER = "rule:project_reader_or_service"
MEMBER = "rule:project_member_or_admin"
MANAGER = "rule:project_manager_or_admin"
MEMBER_OR_SERVICE = "rule:project_member_or_service"
NETWORK_MEMBER = f"{ADMIN_OR_SERVICE} or (role:member and rule:network_owner)"
GROUP_MEMBER = f"{ADMIN} or (role:member and rule:sg_owner)"


def _crud(noun: str, read: str = READER, write: str = MEMBER) -> dict[str, str]:
    return {
        f"create_{noun}": write,
        f"get_{noun}": read,
        f"update_{noun}": write,
        f"delete_{noun}": write,
        **_tags(noun, read, write),
    }


def tag_rule(action: str, noun: str) -> str:
    """``get_networks_tags``."""
    return f"{action}_{noun[:-1] + 'ies' if noun.endswith('y') else noun + 's'}_tags"


def _tags(noun: str, read: str = READER, write: str = MEMBER) -> dict[str, str]:
    return {tag_rule("get", noun): read, tag_rule("update", noun): write, tag_rule("delete", noun): write}


def _attributes(noun: str, actions: str, names: str, rule: str) -> dict[str, str]:
    return {f"{action}_{noun}:{name}": rule for action in actions.split() for name in names.split()}


def _qos() -> dict[str, str]:
    """Policies are made by managers of a project, and used by all who see them."""
    found = _crud("policy", f"{READER} or rule:shared", MANAGER)
    found |= _attributes("policy", "create update", "shared", ADMIN)
    for kind in ("bandwidth_limit", "dscp_marking", "minimum_bandwidth", "packet_rate_limit", "minimum_packet_rate"):
        noun = f"policy_{kind}_rule"
        found |= {f"get_{noun}": f"{READER} or rule:shared"}
        found |= {f"{action}_{noun}": MANAGER for action in ("create", "update", "delete")}
    return {**found, "get_rule_type": ADMIN}


PROVIDER = "provider:network_type provider:physical_network provider:segmentation_id"

DEFAULTS = {
    **policies_admin.DEFAULTS,
    **policies_l3.DEFAULTS,
    "user_token": "not launch:True",
    "shared": "'True':%(shared)s",
    "external": "'True':%(router:external)s",
    "network_owner": "project_id:%(network:project_id)s",
    "network_device": "'True':%(network_device)s",
    "sg_owner": "project_id:%(security_group:project_id)s",
    "get_extension": "@",
    **_crud("network", f"{READER} or rule:shared or rule:external"),
    **_attributes("network", "create update", f"shared router:external is_default segments {PROVIDER}", ADMIN),
    **_attributes("network", "get", PROVIDER, ADMIN_OR_SERVICE),
    "get_network_ip_availability": ADMIN,
    **_crud("subnet", f"{READER} or rule:shared or rule:external or rule:network_owner", NETWORK_MEMBER),
    "update_subnet": f"{MEMBER} or {NETWORK_MEMBER}",
    "delete_subnet": f"{MEMBER} or {NETWORK_MEMBER}",
    **_attributes("subnet", "create update", "service_types", NETWORK_MEMBER),
    **_attributes("subnet", "create update", "segment_id", ADMIN),
    **_crud("subnetpool", f"{READER} or rule:shared"),
    "add_prefixes": MEMBER,
    "remove_prefixes": MEMBER,
    "onboard_network_subnets": MEMBER,
    **_attributes("subnetpool", "create update", "shared is_default", ADMIN),
    **_crud("port", f"{READER} or (role:reader and rule:network_owner)", MEMBER_OR_SERVICE),
    "delete_port": f"{MEMBER_OR_SERVICE} or {NETWORK_MEMBER}",
    **_attributes("port", "create update", "binding:host_id binding:profile trusted", ADMIN_OR_SERVICE),
    **_attributes("port", "create update", "hints", ADMIN),
    **_attributes("port", "get", "binding:host_id", ADMIN_OR_SERVICE),
    "get_port:resource_request": ADMIN_OR_SERVICE,
    **_attributes(
        "port", "create", "mac_address fixed_ips:ip_address port_security_enabled allowed_address_pairs", NETWORK_MEMBER
    ),
    **_attributes("port", "update", "fixed_ips:ip_address port_security_enabled allowed_address_pairs", NETWORK_MEMBER),
    "create_port:fixed_ips:subnet_id": f"{NETWORK_MEMBER} or rule:shared",
    "update_port:fixed_ips:subnet_id": f"{NETWORK_MEMBER} or rule:shared",
    "update_port:mac_address": ADMIN_OR_SERVICE,
    "create_port:device_owner": f"not rule:network_device or {NETWORK_MEMBER}",
    "update_port:device_owner": f"not rule:network_device or {NETWORK_MEMBER}",
    **_crud("router"),
    "add_router_interface": MEMBER,
    "remove_router_interface": MEMBER,
    "add_extraroutes": MEMBER,
    "remove_extraroutes": MEMBER,
    **_attributes("router", "create update get", "distributed ha", ADMIN),
    **_attributes(
        "router",
        "create update",
        "external_gateway_info:enable_snat external_gateway_info:external_fixed_ips",
        ADMIN,
    ),
    "add_external_gateways": MEMBER,
    "update_external_gateways": MEMBER,
    "remove_external_gateways": MEMBER,
    **{
        f"{action}_external_gateways:external_gateways:{name}": ADMIN
        for action in ("add", "update")
        for name in ("enable_snat", "external_fixed_ips")
    },
    **_crud("floatingip"),
    "create_floatingip:floating_ip_address": ADMIN,
    **_crud("security_group", f"{READER} or rule:shared"),
    "create_security_group_rule": GROUP_MEMBER,
    **_tags("security_group_rule"),
    "get_security_group_rule": f"{READER} or (role:reader and rule:sg_owner) or rule:shared",
    "delete_security_group_rule": GROUP_MEMBER,
    **_qos(),
    **_crud("address_scope", f"{READER} or rule:shared"),
    **_attributes("address_scope", "create update", "shared", ADMIN),
    **_crud("address_group", f"{READER} or rule:shared"),
    **_crud("trunk"),
    "add_subports": MEMBER,
    "remove_subports": MEMBER,
    "create_rbac_policy": MEMBER,
    "get_rbac_policy": READER,
    "update_rbac_policy": MEMBER,
    "delete_rbac_policy": MEMBER,
    **_attributes("rbac_policy", "create update", "target_tenant", f"{ADMIN} or not 'True':%(wildcard)s"),
    "get_agent": ADMIN_OR_SERVICE,
    "update_agent": ADMIN,
    "delete_agent": ADMIN,
    **dict.fromkeys(
        (
            "get_l3-routers",
            "create_l3-router",
            "delete_l3-router",
            "get_l3-agents",
            "get_dhcp-networks",
            "create_dhcp-network",
            "delete_dhcp-network",
            "get_dhcp-agents",
        ),
        ADMIN,
    ),
    "get_availability_zone": "@",
    "get_quota": READER,
    "update_quota": ADMIN,
    "delete_quota": ADMIN,
    "list_quotas": ADMIN,
}
