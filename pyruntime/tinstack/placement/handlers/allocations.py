"""Allocations, candidates and usages."""

from typing import Any

from tinstack.core import crash
from tinstack.core.http import Request, Response
from tinstack.placement import allocations, candidates, views
from tinstack.placement.allocations import ANY, UNKNOWN, Claim
from tinstack.placement.errors import QueryBad
from tinstack.placement.parts import Placement


def _claim(request: Request, consumer: str, body: dict[str, Any]) -> Claim:
    given = body["allocations"]
    if isinstance(given, list):
        given = {entry["resource_provider"]["uuid"]: {"resources": entry["resources"]} for entry in given}
    return Claim(
        consumer=consumer,
        resources={provider: entry["resources"] for provider, entry in given.items()},
        providers={provider: entry["generation"] for provider, entry in given.items() if "generation" in entry},
        project_id=body.get("project_id", "00000000-0000-0000-0000-000000000000"),
        user_id=body.get("user_id", "00000000-0000-0000-0000-000000000000"),
        consumer_type=body.get("consumer_type", UNKNOWN),
        generation=body["consumer_generation"] if request.at_least(1, 28) else ANY,
    )


async def put(request: Request, placement: Placement) -> None:
    """Replace what a consumer holds."""
    claim = _claim(request, request.path["id"], request.body)
    with crash.around(11 if claim.resources else "give-back"):
        await allocations.put(placement.database, [claim])


async def post(request: Request, placement: Placement) -> None:
    """The same for several consumers, all or nothing."""
    claims = [_claim(request, consumer, body) for consumer, body in request.body.items()]
    with crash.around(11 if any(claim.resources for claim in claims) else "give-back"):
        await allocations.put(placement.database, claims)


async def show(request: Request, placement: Placement) -> Response:
    """What a consumer holds."""
    return views.answer(
        request, views.held(request, await allocations.of_consumer(placement.database, request.path["id"]))
    )


async def delete(request: Request, placement: Placement) -> None:
    """Give everything back."""
    with crash.around("give-back"):
        await allocations.delete(placement.database, request.path["id"])


async def list_candidates(request: Request, placement: Placement) -> Response:
    """Claims that would fit now."""
    asked = candidates.question(request)
    found, world = await candidates.find(placement.database, asked)
    kinds = {kind for wanted in asked.groups.values() for kind in wanted.resources}
    return views.answer(request, views.candidates(request, found, world, kinds))


async def usages(request: Request, placement: Placement) -> Response:
    """What a project holds. Readers see their own project's."""
    project, user = request.query.get("project_id"), request.query.get("user_id")
    request.authorize("placement:usages", {"project_id": project})
    if project is None:
        raise QueryBad("The query parameter project_id is required.")
    kind = request.query.get("consumer_type") if request.at_least(1, 38) else None
    rows = await allocations.project_usages(placement.database, project, user, None if kind == "all" else kind)
    if not request.at_least(1, 38):
        return views.answer(request, {"usages": _sums(rows)})
    counts = await allocations.consumers_by_type(placement.database, project, user)
    if kind == "all":
        return views.answer(
            request, {"usages": {"all": {**_sums(rows), "consumer_count": sum(counts.values())}} if rows else {}}
        )
    shown: dict[str, dict[str, int]] = {}
    for row in rows:
        shown.setdefault(row.consumer_type, {"consumer_count": counts.get(row.consumer_type, 0)})[
            row.resource_class
        ] = int(row.used)
    return views.answer(request, {"usages": shown})


def _sums(rows: list[allocations.ProjectUsage]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        found[row.resource_class] = found.get(row.resource_class, 0) + int(row.used)
    return found
