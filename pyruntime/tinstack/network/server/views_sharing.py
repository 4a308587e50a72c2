"""Rows of what projects share to public JSON. Source: Network API reference, the response tables of each section."""

from collections.abc import Iterable, Mapping

from tinstack.network.server.qos import KINDS
from tinstack.network.server.rows_sharing import (
    AddressGroup,
    AddressScope,
    QosPolicy,
    QosRule,
    RbacPolicy,
    SubPort,
    Trunk,
)
from tinstack.network.server.views import Body, owner, standard


def rbac_policy(row: RbacPolicy) -> Body:
    """An RBAC policy; it has none of the standard attributes."""
    return {
        **owner(row),
        "object_type": row.object_type,
        "object_id": row.object_id,
        "action": row.action,
        "target_tenant": row.target,
    }


def address_scope(row: AddressScope, *, shared: bool) -> Body:
    """An address scope; likewise. ``shared``: with the caller's project."""
    return {**owner(row), "name": row.name, "ip_version": row.ip_version, "shared": shared}


def address_group(row: AddressGroup, *, shared: bool) -> Body:
    """An address group."""
    return {**standard(row), "name": row.name, "addresses": row.addresses, "shared": shared}


def qos_rule(row: QosRule) -> Body:
    """A rule in the words of its kind."""
    kind = KINDS[row.kind]
    shown: Body = {"id": row.id, kind.rate: row.rate}
    if kind.burst:
        shown[kind.burst] = row.burst
    if kind.directions:
        shown["direction"] = row.direction
    return shown


def qos_policy(row: QosPolicy, rules: Iterable[QosRule], *, shared: bool) -> Body:
    """A QoS policy with its rules."""
    return {
        **standard(row),
        "name": row.name,
        "shared": shared,
        "is_default": row.default_for is not None,
        "rules": [{**qos_rule(one), "qos_policy_id": row.id, "type": one.kind} for one in rules],
    }


def sub_port(row: SubPort) -> Body:
    """A port of a trunk."""
    return {
        "port_id": row.port_id,
        "segmentation_type": row.segmentation_type,
        "segmentation_id": row.segmentation_id,
    }


def trunk(row: Trunk, sub_ports: Iterable[SubPort]) -> Body:
    """A trunk with its ports."""
    return {
        **standard(row),
        "name": row.name,
        "port_id": row.port_id,
        "admin_state_up": row.admin_state_up,
        "status": row.status,
        "sub_ports": [sub_port(one) for one in sub_ports],
    }


def trunk_details(trunk_id: str, sub_ports: Iterable[SubPort], macs: Mapping[str, str]) -> Body:
    """``trunk_details`` of a parent port."""
    shown = [{**sub_port(one), "mac_address": macs.get(one.port_id, "")} for one in sub_ports]
    return {"trunk_id": trunk_id, "sub_ports": shown}
