"""Networks. Source: Network API reference, Networks."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from tinstack.core.http import Request
from tinstack.network.server import lists, store, store_admin, views, views_admin
from tinstack.network.server.bodies import authorize_attributes
from tinstack.network.server.errors import HTTPBadRequest, InvalidInput, LaunchTokenForbidden, NetworkNotFound
from tinstack.network.server.handlers import qos
from tinstack.network.server.handlers.common import (
    Body,
    allowed,
    check_zones,
    listed,
    shared_target,
    shared_with,
    shown,
    visible,
)
from tinstack.network.server.names import is_name
from tinstack.network.server.parts import Parts
from tinstack.network.server.revisions import expected
from tinstack.network.server.rows import Network
from tinstack.network.server.rows_admin import Segment
from tinstack.network.server.schemas.networks import COLUMNS, DEFAULTS, NETWORK

PROVIDER = "provider:network_type", "provider:physical_network", "provider:segmentation_id"
SEES_PROVIDER = "get_network:provider:network_type"


async def found(request: Request, parts: Parts, id: str) -> Network:
    """A network that the caller sees. Raises NetworkNotFound."""
    return (await found_target(request, parts, id))[0]


async def found_target(request: Request, parts: Parts, id: str) -> tuple[Network, Body]:
    """The same with its policy target."""
    known = await parts.db.known()
    row = await store.networks.get(known, id)
    missing = NetworkNotFound(id=id)
    if row is None:
        raise missing
    on = await shared_target(request, known, "network", row)
    visible(request, "get_network", on, missing)
    return row, on


async def rendered(
    request: Request, parts: Parts, rows: Sequence[Network], db: store.Reader | None = None
) -> list[Body]:
    """Networks as the caller sees them. ``db``: where to read what belongs to them."""
    db = db or parts.db
    subnets = await store.subnets_of(db, [row.id for row in rows])
    provider, shared = request.may(SEES_PROVIDER), await shared_with(request, db, "network", rows)
    found = [views.network(row, subnets[row.id], provider=provider, shared=row.id in shared) for row in rows]
    several = {row.id for row in rows if row.more_segments}
    return await _with_segments(parts, found, several) if provider and several else found


async def _with_segments(parts: Parts, found: list[Body], several: set[str]) -> list[Body]:
    """Networks with several segments tell of each, and of none by itself."""
    segments = await store_admin.segments_of(parts.db, several)
    for one in found:
        if one["id"] in several:
            first = {name: one.pop(name) for name in PROVIDER}
            each = [views_admin.provider(segment) for segment in segments[one["id"]]]
            one["segments"] = sorted(each, key=lambda segment: segment != first)
    return found


async def index(request: Request, parts: Parts) -> Body:
    """Own, shared and external networks; all for admins."""
    return await listed(request, parts, "networks", lists.NETWORKS, _listed)


async def _listed(request: Request, parts: Parts, rows: Sequence[Network]) -> list[Body]:
    return await rendered(request, parts, rows, parts.db.latest)


async def show(request: Request, parts: Parts) -> Body:
    """One network; to a host, one of a port that its launch token names."""
    id = request.path["id"]
    launch = request.context.launch
    if launch is not None:
        ports = await store.by_ids(parts.db, store.ports, launch.ports)
        row = await store.networks.get(await parts.db.known(), id)
        if row is None or all(port.network_id != id for port in ports.values()):
            raise LaunchTokenForbidden(why=f"none of its ports is on the network {id}")
        request.authorized = True
    else:
        row = await found(request, parts, id)
    return shown(request, "network", (await rendered(request, parts, [row], parts.db.latest))[0])


def _columns(item: Body) -> dict[str, Any]:
    values = {COLUMNS.get(name, name): value for name, value in item.items()}
    if values.get("dns_domain") and not is_name(values["dns_domain"]):
        raise HTTPBadRequest(f"Invalid input for dns_domain. Reason: '{values['dns_domain']}' is not a valid domain.")
    return values


def _segments(item: Body) -> tuple[Body, list[Body]]:
    """Of ``segments`` (taken out of the body) the first one's provider attributes, and the others. Raises InvalidInput."""
    given: list[Body] = item.pop("segments", None) or [{}]
    if given != [{}] and any(item.get(name) is not None for name in PROVIDER):
        raise InvalidInput(error_message="Segments and provider values cannot both be set")
    return given[0], given[1:]


def _segment(network: Network, given: Body, kind: str) -> Segment:
    return Segment(
        id=str(uuid4()),
        project_id=network.project_id,
        network_id=network.id,
        network_type=given.get(PROVIDER[0]) or kind,
        physical_network=given.get(PROVIDER[1]),
        segmentation_id=given.get(PROVIDER[2]),
    )


async def create(request: Request, parts: Parts) -> Body:
    """One network or several."""
    items, bulk = NETWORK.created(request)
    rows, more = [], {}
    for item in items:
        on = {"project_id": item["project_id"], "tenant_id": item["project_id"]}
        request.authorize("create_network", on)
        authorize_attributes(request, "create_network", item, on, DEFAULTS)
        check_zones(item)
        await qos.check_use(request, parts, item)
        first, others = _segments(item)
        values = {name: value for name, value in _columns(item | first).items() if value is not None}
        kind = values.pop("kind", None) or parts.config.network_type
        rows.append(Network(id=str(uuid4()), kind=kind, **{"mtu": 0, **values}))
        more[rows[-1].id] = [_segment(rows[-1], one, parts.config.network_type) for one in others]
    default_qos = {row.id for row, item in zip(rows, items, strict=True) if "qos_policy_id" not in item}
    made = await parts.networks.create(rows, default_qos, more)
    return NETWORK.answer(await rendered(request, parts, made), bulk=bulk)


async def update(request: Request, parts: Parts) -> Body:
    """Change attributes."""
    row, on = await found_target(request, parts, request.path["id"])
    item = NETWORK.updated(request)
    request.authorize("update_network", on)
    authorize_attributes(request, "update_network", item, on, {})
    await qos.check_use(request, parts, item, row.qos_policy_id)
    changed = await parts.networks.update(row.id, _columns(item), expected(request))
    return {"network": (await rendered(request, parts, [changed]))[0]}


async def delete(request: Request, parts: Parts) -> None:
    """Remove a network with its subnets."""
    row, on = await found_target(request, parts, request.path["id"])
    allowed(request, "delete", "network", on, NetworkNotFound(id=row.id))
    await parts.networks.delete(row.id, expected(request))
