"""What a port shows beside its own row: its network's QoS policy, its trunk, what it asks of placement.

Source: Network API reference, Ports, with the extensions qos-port-network-policy, trunk-details and port-resource-request-groups.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import Select, literal_column, null, select, union_all

from tinstack.core.db import Prepared, prepared
from tinstack.network.server import qos, store, trunks, views_sharing
from tinstack.network.server import tables as t
from tinstack.network.server.ports import Shown
from tinstack.network.server.rows import Allocation, Port
from tinstack.network.server.rows_sharing import QosRule

Body = dict[str, Any]

BANDWIDTH = {qos.EGRESS: "NET_BW_EGR_KILOBIT_PER_SEC", qos.INGRESS: "NET_BW_IGR_KILOBIT_PER_SEC"}
PACKETS = {
    qos.ANY: "NET_PACKET_RATE_KILOPACKET_PER_SEC",
    qos.EGRESS: "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC",
    qos.INGRESS: "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC",
}
"""Resource classes of placement by direction."""

_P, _N, _A, _G, _T = t.ports.c, t.networks.c, t.allocations.c, t.port_groups.c, t.trunks.c


class _Network(msgspec.Struct, frozen=True):
    qos_policy_id: str | None
    physical_network: str | None


class _Belonging(msgspec.Struct, frozen=True):
    """Of a port: an address (subnet, key, address, network), a group, its network (policy, physical network), or a trunk."""

    kind: str
    port_id: str
    one: str | None
    two: str | None
    three: str | None
    four: str | None


def _kind(name: str, port: Any, *columns: Any) -> "Select[Any]":
    given = [*columns, *[null()] * (4 - len(columns))]
    named = [column.label(label) for column, label in zip(given, ("one", "two", "three", "four"), strict=True)]
    return select(literal_column(f"'{name}'").label("kind"), port.label("port_id"), *named)


@lru_cache(maxsize=16)
def _belongings(size: int) -> Prepared:
    ids = store.asked(size)
    on = _kind("network", _P.id, _N.qos_policy_id, _N.physical_network)
    return prepared(
        union_all(
            _kind("address", _A.port_id, _A.subnet_id, _A.key, _A.ip, _A.network_id).where(_A.port_id.in_(ids)),
            _kind("group", _G.port_id, _G.group_id).where(_G.port_id.in_(ids)),
            on.join(t.networks, _N.id == _P.network_id).where(_P.id.in_(ids)),
            _kind("trunk", _T.port_id).where(_T.port_id.in_(ids)),
        )
    )


async def belongings(db: store.Reader, rows: Sequence[Port]) -> dict[str, Shown]:
    """Ports with what belongs to them, by id: one statement for some hundred of them."""
    found = {row.id: Shown(port=row, addresses=[], groups=[], network=None, parent=False) for row in rows}
    there = await store.all_by(db, _belongings, found, _Belonging)
    for one in sorted(there, key=lambda one: (one.kind, one.two or one.one or "")):
        _add(found[one.port_id], one)
    return found


def _add(shown: Shown, found: _Belonging) -> None:
    one, two, three, four = found.one or "", found.two or "", found.three or "", found.four or ""
    match found.kind:
        case "address":
            held = Allocation(subnet_id=one, key=two, ip=three, port_id=found.port_id, network_id=four)
            shown.addresses.append(held)
        case "group":
            shown.groups.append(one)
        case "network":
            shown.network = _Network(found.one, found.two)
        case _:
            shown.parent = True


async def of(db: store.Reader, rows: Sequence[Shown], *, requests: bool) -> dict[str, Body]:
    """By port's id. ``requests``: with ``resource_request``."""
    found: dict[str, Body] = {
        row.port.id: {"qos_network_policy_id": row.network.qos_policy_id if row.network else None} for row in rows
    }
    if parents := [row.port.id for row in rows if row.parent]:
        await _add_trunks(db, parents, found)
    if requests:
        await _add_requests(db, rows, found)
    return found


async def _add_trunks(db: store.Reader, ids: Collection[str], found: Mapping[str, Body]) -> None:
    """``trunk_details`` of those that are parents; others have none."""
    parents = await trunks.by_parent(db, ids)
    sub_ports = await trunks.of_trunks(db, [trunk.id for trunk in parents.values()])
    inside = await store.by_ids(db, store.ports, [one.port_id for some in sub_ports.values() for one in some])
    macs = {id: port.mac_address for id, port in inside.items()}
    for port_id, trunk in parents.items():
        found[port_id]["trunk_details"] = views_sharing.trunk_details(trunk.id, sub_ports[trunk.id], macs)


async def _add_requests(db: store.Reader, rows: Sequence[Shown], found: Mapping[str, Body]) -> None:
    policies: dict[str, str] = {}
    for row in rows:
        port, network = row.port, row.network
        inherited = network.qos_policy_id if network and not port.device_owner.startswith("network:") else None
        if policy := port.qos_policy_id or inherited:
            policies[port.id] = policy
    rules = await qos.rules_of(db, set(policies.values()))
    for row in rows:
        port, physical = row.port, row.network.physical_network if row.network else None
        found[port.id]["resource_request"] = _request(port, rules.get(policies.get(port.id, ""), ()), physical)


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
