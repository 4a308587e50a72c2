"""Root and resource providers."""

from tinstack.core.http import Request, Response
from tinstack.placement import providers, views
from tinstack.placement.parts import Placement
from tinstack.placement.query import group


async def versions(request: Request, placement: Placement) -> views.Body:
    """The versions document: one version, its microversions."""
    links = [{"rel": "self", "href": ""}]
    return {
        "versions": [{"id": "v1.0", "max_version": "1.39", "min_version": "1.0", "status": "CURRENT", "links": links}]
    }


async def index(request: Request, placement: Placement) -> Response:
    """List resource providers."""
    found = await providers.search(
        placement.database, request.query.get("name"), request.query.get("uuid"), group(request)
    )
    return views.answer(request, {"resource_providers": [views.provider(request, row) for row in found]})


async def create(request: Request, placement: Placement) -> Response:
    """Create a resource provider."""
    body = request.body
    made = await providers.create(placement.database, body["name"], body.get("uuid"), body.get("parent_provider_uuid"))
    shown = views.provider(request, made) if request.at_least(1, 20) else None
    return views.answer(request, shown, modified=made.updated_at, location=f"/resource_providers/{made.uuid}")


async def show(request: Request, placement: Placement) -> Response:
    """Show a resource provider."""
    row = await providers.get(placement.database, request.path["id"])
    return views.answer(request, views.provider(request, row), modified=row.updated_at)


async def update(request: Request, placement: Placement) -> Response:
    """Rename, or set the parent."""
    row = await providers.change(
        placement.database,
        request.path["id"],
        request.body["name"],
        request.body.get("parent_provider_uuid"),
        set_parent="parent_provider_uuid" in request.body,
        move=request.at_least(1, 37),
    )
    return views.answer(request, views.provider(request, row), modified=row.updated_at)


async def delete(request: Request, placement: Placement) -> None:
    """Delete a resource provider."""
    await providers.delete(placement.database, request.path["id"])
