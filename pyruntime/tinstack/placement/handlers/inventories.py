"""Inventories and usages of a provider."""

from typing import Any

from tinstack.core.http import Request, Response
from tinstack.placement import inventories, providers, store, views
from tinstack.placement.allocations import of_provider
from tinstack.placement.parts import Placement
from tinstack.placement.store import Inventory, Provider

_FIELDS = ("total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio")


def _inventory(request: Request, kind: str, body: dict[str, Any]) -> Inventory:
    found = Inventory(
        provider=request.path["id"], resource_class=kind, **{key: body[key] for key in _FIELDS if key in body}
    )
    inventories.check(found, request.at_least(1, 26))
    return found


def _one(row: Inventory, provider: Provider) -> views.Body:
    return {**views.inventory(row), "resource_provider_generation": provider.generation}


def _several(request: Request, provider: Provider, rows: list[Inventory]) -> Response:
    shown = {row.resource_class: views.inventory(row) for row in rows}
    body = {"inventories": shown, "resource_provider_generation": provider.generation}
    return views.answer(request, body, modified=provider.updated_at)


async def index(request: Request, placement: Placement) -> Response:
    """List a provider's inventories."""
    return _several(request, *await inventories.of(placement.database, request.path["id"]))


async def create(request: Request, placement: Placement) -> Response:
    """One more class."""
    wanted = _inventory(request, request.body["resource_class"], request.body)
    provider = await inventories.add(placement.database, request.body.get("resource_provider_generation"), wanted)
    where = f"/resource_providers/{provider.uuid}/inventories/{wanted.resource_class}"
    return views.answer(request, _one(wanted, provider), modified=provider.updated_at, location=where)


async def replace(request: Request, placement: Placement) -> Response:
    """All classes."""
    wanted = [_inventory(request, kind, body) for kind, body in request.body["inventories"].items()]
    provider = await inventories.replace(
        placement.database, request.path["id"], request.body["resource_provider_generation"], wanted
    )
    return _several(request, provider, sorted(wanted, key=lambda row: row.resource_class))


async def delete_all(request: Request, placement: Placement) -> None:
    """No inventory any more."""
    await inventories.delete(placement.database, request.path["id"], None)


async def show(request: Request, placement: Placement) -> Response:
    """One class."""
    provider, rows = await inventories.of(placement.database, request.path["id"])
    for row in rows:
        if row.resource_class == request.path["name"]:
            return views.answer(request, _one(row, provider), modified=provider.updated_at)
    raise inventories.NoSuchInventory(which=request.path["name"], id=provider.uuid)


async def update(request: Request, placement: Placement) -> Response:
    """Change one class."""
    wanted = _inventory(request, request.path["name"], request.body)
    provider = await inventories.set_one(placement.database, request.body["resource_provider_generation"], wanted)
    return views.answer(request, _one(wanted, provider), modified=provider.updated_at)


async def delete(request: Request, placement: Placement) -> None:
    """One class less."""
    await inventories.delete(placement.database, request.path["id"], request.path["name"])


async def usages(request: Request, placement: Placement) -> Response:
    """What is sold of each class of a provider."""
    provider, rows = await inventories.of(placement.database, request.path["id"])
    used = await store.used(placement.database, [provider.uuid])
    shown = {row.resource_class: used.get((provider.uuid, row.resource_class), 0) for row in rows}
    return views.answer(request, {"resource_provider_generation": provider.generation, "usages": shown})


async def allocations(request: Request, placement: Placement) -> Response:
    """What is sold of a provider, by consumer."""
    provider = await providers.get(placement.database, request.path["id"])
    rows, consumers = await of_provider(placement.database, provider.uuid)
    return views.answer(request, views.sold(request, provider, rows, consumers))
