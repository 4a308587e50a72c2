"""Metering and what routers do for ports, as public JSON. Source: Network API reference, the response tables of each section."""

from tinstack.core.clock import iso
from tinstack.network.server.rows import Standard
from tinstack.network.server.rows_l3 import ConntrackHelper, MeteringLabel, MeteringLabelRule, NdpProxy, PortForwarding
from tinstack.network.server.views import Body


def _owned(row: Standard) -> Body:
    return {"id": row.id, "project_id": row.project_id, "tenant_id": row.project_id}


def metering_label(row: MeteringLabel) -> Body:
    """A label."""
    return {**_owned(row), "name": row.name, "description": row.description, "shared": row.shared}


def metering_label_rule(row: MeteringLabelRule) -> Body:
    """A rule of a label."""
    return {
        **_owned(row),
        "metering_label_id": row.metering_label_id,
        "direction": row.direction,
        "excluded": row.excluded,
        "remote_ip_prefix": row.remote_ip_prefix,
        "source_ip_prefix": row.source_ip_prefix,
        "destination_ip_prefix": row.destination_ip_prefix,
    }


def _span(start: int | None, end: int | None) -> str | None:
    return None if start is None else f"{start}:{end}"


def _single(start: int | None, end: int | None) -> int | None:
    return start if start == end else None


def port_forwarding(row: PortForwarding) -> Body:
    """``…_port`` where it is one port; ``…_port_range`` always."""
    return {
        "id": row.id,
        "protocol": row.protocol,
        "internal_ip_address": row.internal_ip_address,
        "internal_port_id": row.internal_port_id,
        "internal_port": _single(row.internal_start, row.internal_end),
        "internal_port_range": _span(row.internal_start, row.internal_end),
        "external_port": _single(row.external_start, row.external_end),
        "external_port_range": _span(row.external_start, row.external_end),
        "description": row.description,
    }


def forwarding_of_floatingip(row: PortForwarding) -> Body:
    """As the floating IP tells of it; ranges only where there are some."""
    shown: Body = {
        "id": row.id,
        "protocol": row.protocol,
        "internal_ip_address": row.internal_ip_address,
        "internal_port_id": row.internal_port_id,
    }
    for side, start, end in (
        ("internal", row.internal_start, row.internal_end),
        ("external", row.external_start, row.external_end),
    ):
        if start == end:
            shown[f"{side}_port"] = start
        else:
            shown[f"{side}_port_range"] = f"{start}:{end}"
    return shown


def conntrack_helper(row: ConntrackHelper) -> Body:
    """A helper of a router."""
    return {"id": row.id, "protocol": row.protocol, "port": row.port, "helper": row.helper}


def helper_of_router(row: ConntrackHelper) -> Body:
    """As the router tells of it."""
    return {"protocol": row.protocol, "port": row.port, "helper": row.helper}


def ndp_proxy(row: NdpProxy) -> Body:
    """An address for which a router answers."""
    return {
        **_owned(row),
        "name": row.name,
        "description": row.description,
        "router_id": row.router_id,
        "port_id": row.port_id,
        "ip_address": row.ip_address,
        "revision_number": row.revision_number,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
    }
