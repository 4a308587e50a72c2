"""Rows to public JSON, per microversion."""

from email.utils import formatdate
from typing import Any

from tinstack.core.clock import SECOND, now_us
from tinstack.core.http import Request, Response
from tinstack.placement.allocations import Held
from tinstack.placement.candidates import Candidate
from tinstack.placement.store import Allocation, Consumer, Inventory, Provider, World

Body = dict[str, Any]

_LINKS = (
    ("", (1, 0)),
    ("inventories", (1, 0)),
    ("usages", (1, 0)),
    ("aggregates", (1, 1)),
    ("traits", (1, 6)),
    ("allocations", (1, 11)),
)


def answer(
    request: Request, body: Any, *, modified: int | None = None, status: int | None = None, location: str | None = None
) -> Response:
    """A body with the cache headers that come from 1.15 on. ``modified`` in microseconds."""
    headers = {}
    if request.at_least(1, 15):
        headers["last-modified"] = formatdate((modified or now_us()) / SECOND, usegmt=True)
        headers["cache-control"] = "no-cache"
    if location:
        headers["location"] = request.root_url + location
    return Response(status, body, headers=headers)


def provider(request: Request, row: Provider) -> Body:
    """A resource provider."""
    href = f"/resource_providers/{row.uuid}"
    links = [
        {"rel": name or "self", "href": f"{href}/{name}" if name else href}
        for name, first in _LINKS
        if request.at_least(*first)
    ]
    shown: Body = {"uuid": row.uuid, "name": row.name, "generation": row.generation, "links": links}
    if request.at_least(1, 14):
        shown["parent_provider_uuid"], shown["root_provider_uuid"] = row.parent, row.root
    return shown


def inventory(row: Inventory) -> Body:
    """What is there of one class."""
    return {
        "total": row.total,
        "reserved": row.reserved,
        "min_unit": row.min_unit,
        "max_unit": row.max_unit,
        "step_size": row.step_size,
        "allocation_ratio": row.allocation_ratio,
    }


def held(request: Request, found: Held) -> Body:
    """What a consumer holds."""
    shown: dict[str, Body] = {}
    for row in found.allocations:
        entry = shown.setdefault(row.provider, {"generation": found.generations.get(row.provider, 0), "resources": {}})
        entry["resources"][row.resource_class] = row.used
    body: Body = {"allocations": shown}
    if shown and found.consumer:
        if request.at_least(1, 12):
            body["project_id"], body["user_id"] = found.consumer.project_id, found.consumer.user_id
        if request.at_least(1, 28):
            body["consumer_generation"] = found.consumer.generation
        if request.at_least(1, 38):
            body["consumer_type"] = found.consumer.consumer_type
    return body


def sold(request: Request, row: Provider, rows: list[Allocation], consumers: dict[str, Consumer]) -> Body:
    """What is sold of a provider."""
    shown: dict[str, Body] = {}
    for one in rows:
        entry = shown.setdefault(one.consumer, {"resources": {}})
        entry["resources"][one.resource_class] = one.used
        if request.at_least(1, 28) and one.consumer in consumers:
            entry["consumer_generation"] = consumers[one.consumer].generation
    return {"allocations": shown, "resource_provider_generation": row.generation}


def candidates(request: Request, found: list[Candidate], world: World, asked: set[str]) -> Body:
    """Allocation requests with summaries of the providers in them (from 1.29: of their whole trees)."""
    roots = {world.providers[id].root for one in found for id in one.resources}
    named = {id for one in found for id in one.resources}
    shown = [
        row for row in world.providers.values() if (row.root in roots if request.at_least(1, 29) else row.uuid in named)
    ]
    return {
        "allocation_requests": [_candidate(request, one) for one in found],
        "provider_summaries": {row.uuid: _summary(request, row, world, asked) for row in shown},
    }


def _candidate(request: Request, one: Candidate) -> Body:
    if not request.at_least(1, 12):
        return {
            "allocations": [
                {"resource_provider": {"uuid": id}, "resources": amounts} for id, amounts in one.resources.items()
            ]
        }
    body: Body = {"allocations": {id: {"resources": amounts} for id, amounts in one.resources.items()}}
    if request.at_least(1, 34):
        body["mappings"] = one.mappings
    return body


def _summary(request: Request, row: Provider, world: World, asked: set[str]) -> Body:
    everything = request.at_least(1, 27)
    shown: Body = {
        "resources": {
            kind: {"capacity": have.capacity, "used": world.used.get((row.uuid, kind), 0)}
            for kind, have in world.inventories[row.uuid].items()
            if everything or kind in asked
        }
    }
    if request.at_least(1, 17):
        shown["traits"] = sorted(world.traits[row.uuid])
    if request.at_least(1, 29):
        shown["parent_provider_uuid"], shown["root_provider_uuid"] = row.parent, row.root
    return shown
