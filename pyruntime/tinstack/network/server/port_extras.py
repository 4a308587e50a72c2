"""What a port shows beside its own row: its network's QoS policy, its trunk, what it asks of placement.

Source: Network API reference, Ports, with the extensions qos-port-network-policy, trunk-details and port-resource-request-groups.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import select

from tinstack.network.server import qos, store, trunks, views_sharing
from tinstack.network.server import tables as t
from tinstack.network.server.rows import Port
from tinstack.network.server.rows_sharing import QosRule

Body = dict[str, Any]

BANDWIDTH = {qos.EGRESS: "NET_BW_EGR_KILOBIT_PER_SEC", qos.INGRESS: "NET_BW_IGR_KILOBIT_PER_SEC"}
PACKETS = {
    qos.ANY: "NET_PACKET_RATE_KILOPACKET_PER_SEC",
    qos.EGRESS: "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC",
    qos.INGRESS: "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC",
}
"""Resource classes of placement by direction."""

_N = t.networks.c

NETWORKS = select(_N.id, _N.qos_policy_id, _N.physical_network)


class _Network(msgspec.Struct, frozen=True):
    id: str
    qos_policy_id: str | None
    physical_network: str | None


async def of(db: store.Reader, rows: Sequence[Port], *, requests: bool) -> dict[str, Body]:
    """By port's id. ``requests``: with ``resource_request``."""
    there = await store.all_in(db, NETWORKS, _N.id, {row.network_id for row in rows}, _Network)
    networks = {one.id: one for one in there}
    found: dict[str, Body] = {
        row.id: {
            "qos_network_policy_id": networks[row.network_id].qos_policy_id if row.network_id in networks else None
        }
        for row in rows
    }
    await _add_trunks(db, found)
    if requests:
        await _add_requests(db, rows, networks, found)
    return found


async def _add_trunks(db: store.Reader, found: Mapping[str, Body]) -> None:
    """``trunk_details`` of those that are parents; others have none."""
    parents = await trunks.by_parent(db, found)
    sub_ports = await trunks.of_trunks(db, [trunk.id for trunk in parents.values()])
    inside = await store.by_ids(db, store.ports, [one.port_id for some in sub_ports.values() for one in some])
    macs = {id: port.mac_address for id, port in inside.items()}
    for port_id, trunk in parents.items():
        found[port_id]["trunk_details"] = views_sharing.trunk_details(trunk.id, sub_ports[trunk.id], macs)


async def _add_requests(
    db: store.Reader, rows: Sequence[Port], networks: Mapping[str, _Network], found: Mapping[str, Body]
) -> None:
    policies: dict[str, str] = {}
    for row in rows:
        network = networks.get(row.network_id)
        inherited = network.qos_policy_id if network and not row.device_owner.startswith("network:") else None
        if policy := row.qos_policy_id or inherited:
            policies[row.id] = policy
    rules = await qos.rules_of(db, set(policies.values()))
    for row in rows:
        network = networks.get(row.network_id)
        physical = network.physical_network if network else None
        found[row.id]["resource_request"] = _request(row, rules.get(policies.get(row.id, ""), ()), physical)


def _request(row: Port, rules: Iterable[QosRule], physical: str | None) -> Body | None:
    """Bandwidth is asked of a physical network, packets of the host's switch; None where nothing is guaranteed."""
    vnic = f"CUSTOM_VNIC_TYPE_{_trait(row.binding_vnic_type)}"
    guaranteed: dict[str, Body] = {"minimum_bandwidth": {}, "minimum_packet_rate": {}}
    for rule in rules:
        if rule.kind in guaranteed:
            classes = BANDWIDTH if rule.kind == "minimum_bandwidth" else PACKETS
            guaranteed[rule.kind][classes[rule.direction]] = rule.rate
    groups = []
    for kind, resources in guaranteed.items():
        required = [vnic] if kind == "minimum_packet_rate" else [f"CUSTOM_PHYSNET_{_trait(physical or '')}", vnic]
        if resources and (kind == "minimum_packet_rate" or physical):
            groups.append({"id": str(uuid5(UUID(row.id), kind)), "required": required, "resources": resources})
    return {"request_groups": groups, "same_subtree": [group["id"] for group in groups]} if groups else None


def _trait(text: str) -> str:
    return re.sub(r"[^A-Z0-9_]", "_", text.upper())
