"""Metadata and tags of servers. Source: compute API reference, "Server metadata", "Server tags"."""

from typing import Any

from tinstack.api.errors import Invalid, TooMany
from tinstack.api.handlers.servers import visible
from tinstack.api.parts import Compute
from tinstack.api.schemas.words import TAG
from tinstack.api.views import API, Body
from tinstack.computedb import details, quota_limits
from tinstack.computedb.instances import ServerNotFound
from tinstack.computedb.rows import Instance
from tinstack.core.clock import now_us
from tinstack.core.errors import NotFound
from tinstack.core.http import Request, Response
from tinstack.core.http.routes import Schema

MOST_TAGS = 50
_TAG = Schema(TAG)


class TagNotFound(NotFound):
    """404: the server has no such tag."""

    code, message = "compute.server.tag_not_found", "Server {id} has no tag '{tag}'"


async def _metadata(request: Request, service: Compute, row: Instance, change: Any) -> dict[str, str]:
    limits = await quota_limits.limits(service.db, service.default_quotas, row.project_id)
    most = limits["metadata_items"]

    def checked(before: dict[str, str]) -> dict[str, str]:
        after: dict[str, str] = change(before)
        if 0 <= most < len(after):
            raise TooMany(f"Maximum number of metadata items exceeds {most}")
        return after

    after: dict[str, str] | None = await details.swap(service.db, row.id, "metadata", checked, now_us())
    if after is None:
        raise ServerNotFound(id=row.id)
    return after


async def metadata(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/metadata``."""
    return {"metadata": (await visible(request, service, "server-metadata:index")).metadata}


async def add_metadata(request: Request, service: Compute) -> Body:
    """``POST /servers/{id}/metadata``: merged into what is there."""
    row, given = await visible(request, service, "server-metadata:create"), request.body["metadata"]
    return {"metadata": await _metadata(request, service, row, lambda before: {**before, **given})}


async def set_metadata(request: Request, service: Compute) -> Body:
    """``PUT /servers/{id}/metadata``: instead of what is there."""
    row, given = await visible(request, service, "server-metadata:update_all"), request.body["metadata"]
    return {"metadata": await _metadata(request, service, row, lambda before: dict(given))}


async def metadata_item(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/metadata/{key}``."""
    row, key = await visible(request, service, "server-metadata:show"), request.path["key"]
    if key not in row.metadata:
        raise NotFound("Metadata item was not found")
    return {"meta": {key: row.metadata[key]}}


async def set_metadata_item(request: Request, service: Compute) -> Body:
    """``PUT /servers/{id}/metadata/{key}``."""
    row, key = await visible(request, service, "server-metadata:update"), request.path["key"]
    given = request.body["meta"]
    if key not in given:
        raise Invalid("Request body and URI mismatch")
    await _metadata(request, service, row, lambda before: {**before, **given})
    return {"meta": given}


async def delete_metadata_item(request: Request, service: Compute) -> None:
    """``DELETE /servers/{id}/metadata/{key}``."""
    row, key = await visible(request, service, "server-metadata:delete"), request.path["key"]
    if key not in row.metadata:
        raise NotFound("Metadata item was not found")
    await _metadata(request, service, row, lambda before: {k: v for k, v in before.items() if k != key})


async def _tags(service: Compute, row: Instance, change: Any) -> list[str]:
    after: list[str] | None = await details.swap(service.db, row.id, "tags", change, now_us())
    if after is None:
        raise ServerNotFound(id=row.id)
    return after


async def tags(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/tags``."""
    return {"tags": (await visible(request, service, "os-server-tags:index")).tags}


async def has_tag(request: Request, service: Compute) -> None:
    """``GET /servers/{id}/tags/{tag}``."""
    row, tag = await visible(request, service, "os-server-tags:show"), request.path["tag"]
    if tag not in row.tags:
        raise TagNotFound(id=row.id, tag=tag)


async def add_tag(request: Request, service: Compute) -> Response:
    """``PUT /servers/{id}/tags/{tag}``: 201, or 204 where it has it already."""
    row, tag = await visible(request, service, "os-server-tags:update"), request.path["tag"]
    problem = _TAG.check(tag)
    if problem:
        raise Invalid(
            f"Tag '{tag}' is invalid. It must be a non empty string without characters '/' and ',': {problem[1]}"
        )
    if tag in row.tags:
        return Response(204)

    def change(before: list[str]) -> list[str]:
        if tag in before:
            return before
        if len(before) >= MOST_TAGS:
            raise Invalid(f"The number of tags exceeded the per-server limit {MOST_TAGS}")
        return sorted([*before, tag])

    await _tags(service, row, change)
    return Response(201, headers={"Location": f"{request.root_url}{API}/servers/{row.id}/tags/{tag}"})


async def set_tags(request: Request, service: Compute) -> Body:
    """``PUT /servers/{id}/tags``."""
    row, given = await visible(request, service, "os-server-tags:update_all"), request.body["tags"]
    return {"tags": await _tags(service, row, lambda before: sorted(set(given)))}


async def delete_tag(request: Request, service: Compute) -> None:
    """``DELETE /servers/{id}/tags/{tag}``."""
    row, tag = await visible(request, service, "os-server-tags:delete"), request.path["tag"]
    if tag not in row.tags:
        raise TagNotFound(id=row.id, tag=tag)
    await _tags(service, row, lambda before: [one for one in before if one != tag])


async def delete_tags(request: Request, service: Compute) -> None:
    """``DELETE /servers/{id}/tags``."""
    row = await visible(request, service, "os-server-tags:delete_all")
    await _tags(service, row, lambda before: [])
