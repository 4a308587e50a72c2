"""Traits, aggregates and resource classes."""

from typing import Any

from tinstack.core.errors import BadRequest
from tinstack.core.http import Request, Response
from tinstack.placement import names, providers, store, views
from tinstack.placement.parts import Placement
from tinstack.placement.standard import PREFIX
from tinstack.placement.store import Provider


async def list_traits(request: Request, placement: Placement) -> Response:
    """All traits; ``name=startswith:…``, ``name=in:…``, ``associated``."""
    found = await names.traits(placement.database)
    how, _, text = (request.query.get("name") or "").partition(":")
    if how == "startswith":
        found = [name for name in found if name.startswith(text)]
    elif how == "in":
        found = [name for name in found if name in text.split(",")]
    associated = request.query.boolean("associated")
    if associated is not None:
        used = await names.associated_traits(placement.database)
        found = [name for name in found if (name in used) == associated]
    return views.answer(request, {"traits": found})


async def show_trait(request: Request, placement: Placement) -> Response:
    """204 where it exists."""
    if request.path["name"] not in await names.traits(placement.database):
        raise names.NoSuchTrait(name=request.path["name"])
    return views.answer(request, None)


async def put_trait(request: Request, placement: Placement) -> Response:
    """Make a custom trait."""
    name = request.path["name"]
    if not name.replace("_", "A").isalnum() or name != name.upper() or not name.isascii() or len(name) > 255:
        raise BadRequest(f"The trait {name} is invalid: use A-Z, 0-9 and _, at most 255 of them, after {PREFIX}.")
    made = await names.add_trait(placement.database, name)
    return views.answer(request, None, status=201 if made else 204, location=f"/traits/{name}")


async def delete_trait(request: Request, placement: Placement) -> None:
    """Delete a custom trait."""
    await names.delete_trait(placement.database, request.path["name"])


def _traits(request: Request, provider: Provider, found: list[str]) -> Response:
    body = {"traits": found, "resource_provider_generation": provider.generation}
    return views.answer(request, body, modified=provider.updated_at)


async def provider_traits(request: Request, placement: Placement) -> Response:
    """The traits of a provider."""
    provider = await providers.get(placement.database, request.path["id"])
    return _traits(request, provider, await store.names(placement.database, store.TRAITS_OF, key=provider.uuid))


async def set_provider_traits(request: Request, placement: Placement) -> Response:
    """Replace them."""
    wanted = request.body["traits"]
    generation = request.body["resource_provider_generation"]
    return _traits(
        request, await names.set_traits(placement.database, request.path["id"], wanted, generation), sorted(wanted)
    )


async def clear_provider_traits(request: Request, placement: Placement) -> None:
    """Remove them all."""
    await names.set_traits(placement.database, request.path["id"], [], None)


def _aggregates(request: Request, provider: Provider, found: list[str]) -> Response:
    body: views.Body = {"aggregates": found}
    if request.at_least(1, 19):
        body["resource_provider_generation"] = provider.generation
    return views.answer(request, body, modified=provider.updated_at)


async def aggregates(request: Request, placement: Placement) -> Response:
    """The aggregates of a provider."""
    provider = await providers.get(placement.database, request.path["id"])
    return _aggregates(request, provider, await store.names(placement.database, store.AGGREGATES_OF, key=provider.uuid))


async def set_aggregates(request: Request, placement: Placement) -> Response:
    """Replace them."""
    body: Any = request.body
    wanted, generation = (
        (body, None) if isinstance(body, list) else (body["aggregates"], body["resource_provider_generation"])
    )
    return _aggregates(
        request, await names.set_aggregates(placement.database, request.path["id"], wanted, generation), sorted(wanted)
    )


def _class(name: str) -> views.Body:
    return {"name": name, "links": [{"rel": "self", "href": f"/resource_classes/{name}"}]}


async def list_classes(request: Request, placement: Placement) -> Response:
    """All resource classes."""
    return views.answer(
        request, {"resource_classes": [_class(name) for name in await names.classes(placement.database)]}
    )


async def create_class(request: Request, placement: Placement) -> Response:
    """Make a custom class by POST; 409 where it exists."""
    name = request.body["name"]
    if not await names.add_class(placement.database, name):
        raise names.ClassExists(name=name)
    return views.answer(request, None, location=f"/resource_classes/{name}")


async def show_class(request: Request, placement: Placement) -> Response:
    """One resource class."""
    name = request.path["name"]
    if name not in await names.classes(placement.database):
        raise names.NoSuchClass(name=name)
    return views.answer(request, _class(name))


async def put_class(request: Request, placement: Placement) -> Response:
    """Make a custom class; 204 where it exists (from 1.7)."""
    name = request.path["name"]
    if (
        not name.startswith(PREFIX)
        or not name.isascii()
        or name != name.upper()
        or not name.replace("_", "A").isalnum()
    ):
        raise BadRequest(
            f"The resource class {name} is invalid: use A-Z, 0-9 and _, at most 255 of them, after {PREFIX}."
        )
    made = await names.add_class(placement.database, name)
    return views.answer(request, None, status=201 if made else 204, location=f"/resource_classes/{name}")


async def delete_class(request: Request, placement: Placement) -> None:
    """Delete a custom class."""
    await names.delete_class(placement.database, request.path["name"])
