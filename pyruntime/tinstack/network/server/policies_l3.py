"""Policy rules of metering and of what routers do for ports, by their upstream names."""

ADMIN = "rule:admin_required"
READER = "rule:project_reader_or_admin"
MEMBER = "rule:project_member_or_admin"


def crud(noun: str, read: str, write: str) -> dict[str, str]:
    """The four rules of a resource."""
    return {f"get_{noun}": read, **{f"{action}_{noun}": write for action in ("create", "update", "delete")}}


DEFAULTS = {
    **crud("metering_label", ADMIN, ADMIN),
    **crud("metering_label_rule", ADMIN, ADMIN),
    **crud("floatingip_port_forwarding", READER, MEMBER),
    **crud("router_conntrack_helper", READER, MEMBER),
    **crud("ndp_proxy", READER, MEMBER),
}
