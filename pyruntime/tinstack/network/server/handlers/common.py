"""What handlers of all nouns do alike: targets of policy rules, lists, and what a caller may not even see (404)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from tinstack.core.errors import NotFound
from tinstack.core.http import Request
from tinstack.network.server import listing, views
from tinstack.network.server.errors import AvailabilityZoneNotFound
from tinstack.network.server.listing import Listing
from tinstack.network.server.parts import Parts
from tinstack.network.server.rows import Network, Standard

R = TypeVar("R", bound=Standard)
Body = dict[str, Any]
Show = Callable[[Request, Parts, Sequence[R]], Awaitable[list[Body]]]


def target(row: Standard | None = None, network: Network | None = None, **more: Any) -> Body:
    """What policy rules look at."""
    found: Body = dict(more)
    if row is not None:
        found |= {"project_id": row.project_id, "tenant_id": row.project_id}
    if network is not None:
        found |= {"network:project_id": network.project_id, "network:tenant_id": network.project_id}
        found.setdefault("shared", str(network.shared))
    return found


async def listed(request: Request, parts: Parts, plural: str, kind: Listing[R], show: Show[R]) -> Body:
    """The answer of a list: what the caller's project sees, as far as the caller may read."""
    page = await listing.page(request, parts.db, kind)
    fields = request.query.all("fields")
    shown = await show(request, parts, _readable(request, f"get_{plural[:-1]}", page.rows))
    body: Body = {plural: [views.chosen(one, fields) for one in shown] if fields else shown}
    if found := listing.links(request, kind, page):
        body[f"{plural}_links"] = found
    return body


def _readable(request: Request, rule: str, rows: Sequence[R]) -> Sequence[R]:
    """All of them, unless the rule refuses the caller even his own; then those that it lets everybody see."""
    if request.may(rule):
        return rows
    return [row for row in rows if request.may(rule, _open(row))]


def _open(row: Standard) -> Body:
    return target(row, row, **{"router:external": str(row.external)}) if isinstance(row, Network) else target(row)


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
