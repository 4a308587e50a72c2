"""What handlers of all nouns do alike: targets of policy rules, lists, and what a caller may not even see (404)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from tinstack.core.errors import NotFound
from tinstack.core.http import Request
from tinstack.network.server import listing, sharing, store, views
from tinstack.network.server.errors import AvailabilityZoneNotFound
from tinstack.network.server.known import RARE
from tinstack.network.server.listing import Listing
from tinstack.network.server.parts import Parts
from tinstack.network.server.rows import Network, Owned

R = TypeVar("R", bound=Owned)
Body = dict[str, Any]
Show = Callable[[Request, Parts, Sequence[R]], Awaitable[list[Body]]]


def target(row: Owned | None = None, **more: Any) -> Body:
    """What policy rules look at."""
    if row is not None:
        more |= {"project_id": row.project_id, "tenant_id": row.project_id}
    return more


async def shared_target(request: Request, db: store.Reader, kind: str, row: Any) -> Body:
    """The same of what may be shared: ``shared``, and of networks ``router:external``, as the caller's project has it."""
    shared, external = row.shared, isinstance(row, Network) and row.external
    if request.visible_project() not in (None, row.project_id):
        actions = (await sharing.granted(db, kind, [row.id], request.project_id))[row.id]
        shared, external = sharing.SHARED in actions, sharing.EXTERNAL in actions
    return target(row, shared=str(shared), **{"router:external": str(external)})


async def network_target(request: Request, db: store.Reader, row: Owned | None, network_id: str, **more: Any) -> Body:
    """The same of what is on a network, which is shared with it."""
    network = await store.networks.get(db, network_id)
    if network is None:
        return target(row, **more)
    on = await shared_target(request, db, "network", network)
    owner = {
        "router:external": on["router:external"],
        "network:project_id": network.project_id,
        "network:tenant_id": network.project_id,
    }
    return target(row, shared=on["shared"], **owner, **more)


async def open_to(request: Request, db: store.Reader, kind: str, id: str) -> bool:
    """Whether some policy lets the caller's project use the object."""
    return bool((await sharing.granted(db, kind, [id], request.project_id))[id])


async def shared_with(request: Request, db: store.Reader, kind: str, rows: Sequence[Any]) -> set[str]:
    """Those objects whose ``shared`` is true for the caller."""
    found = await sharing.granted(db, kind, [row.id for row in rows], request.project_id)
    return {id for id, actions in found.items() if sharing.SHARED in actions}


async def listed(
    request: Request,
    parts: Parts,
    plural: str,
    of: Listing[R],
    show: Show[R],
    singular: str = "",
    *,
    kind: str = "",
    within: Mapping[str, str] | None = None,
) -> Body:
    """The answer of a list: what the caller's project sees, as far as the caller may read.

    ``singular``: the resource's name in policy rules (default: ``plural`` without its last letter); ``kind``: in RBAC policies,
    where it is another; ``within``: attributes that the path fixes.
    """
    db = await parts.db.known() if of.resource.table in RARE else parts.db
    page = await listing.page(request, db, of, within)
    fields = request.query.all("fields")
    singular = singular or plural[:-1]
    rows = await _readable(request, parts, singular, kind or singular, page.rows)
    shown = await show(request, parts, rows)
    body: Body = {plural: [views.chosen(one, fields) for one in shown] if fields else shown}
    if found := listing.links(request, of, page):
        body[f"{plural}_links"] = found
    return body


async def _readable(request: Request, parts: Parts, singular: str, kind: str, rows: Sequence[R]) -> Sequence[R]:
    """All of them, unless the rule refuses the caller even his own; then those that it lets him see as shared."""
    rule = f"get_{singular}"
    if request.may(rule):
        return rows
    if kind not in sharing.KINDS:
        return [row for row in rows if request.may(rule, target(row))]
    targets = [await shared_target(request, parts.db, kind, row) for row in rows]
    return [row for row, on in zip(rows, targets, strict=True) if request.may(rule, on)]


def shown(request: Request, singular: str, body: Body) -> Body:
    """The answer of a show."""
    return {singular: views.chosen(body, request.query.all("fields"))}


def visible(request: Request, rule: str, on: Body, missing: NotFound) -> None:
    """What a caller may not see is not there for him. Raises ``missing``."""
    if not request.may(rule, on):
        raise missing


def allowed(request: Request, action: str, noun: str, on: Body, missing: NotFound) -> None:
    """404 for what a caller may not see, 403 for what he may see but not touch."""
    visible(request, f"get_{noun}", on, missing)
    request.authorize(f"{action}_{noun}", on)


def check_zones(item: Body) -> None:
    """``availability_zone_hints`` may name the one zone that there is. Raises AvailabilityZoneNotFound."""
    for zone in item.get("availability_zone_hints", ()):
        if zone != views.ZONE:
            raise AvailabilityZoneNotFound(availability_zone=zone)
