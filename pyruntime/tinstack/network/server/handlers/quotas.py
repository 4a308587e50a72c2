"""Quotas. Source: Network API reference, Quotas."""

from tinstack.core.errors import PolicyForbidden
from tinstack.core.http import Request
from tinstack.network.server import views
from tinstack.network.server.errors import HTTPBadRequest
from tinstack.network.server.handlers.common import Body
from tinstack.network.server.parts import Parts
from tinstack.network.server.schemas.admin import QUOTA


def _authorize(request: Request, rule: str) -> str:
    """The project of the path. Raises PolicyForbidden."""
    project = request.path["project"]
    request.authorize(rule, {"project_id": project, "tenant_id": project})
    return project


async def index(request: Request, parts: Parts) -> Body:
    """The projects with limits of their own."""
    found = await parts.quotas.all_limits()
    return {"quotas": [{**limits, "project_id": id, "tenant_id": id} for id, limits in found.items()]}


async def own_project(request: Request, parts: Parts) -> Body:
    """The caller's project, as old clients ask for it."""
    if not request.project_id:
        raise PolicyForbidden(rule="get_quota")
    return {"tenant": {"tenant_id": request.project_id, "project_id": request.project_id}}


async def show(request: Request, parts: Parts) -> Body:
    """A project's limits."""
    return views.quota_set(await parts.quotas.limits(_authorize(request, "get_quota")))


async def defaults(request: Request, parts: Parts) -> Body:
    """The limits of projects that have none of their own."""
    _authorize(request, "get_quota")
    return views.quota_set(parts.quotas.defaults)


async def details(request: Request, parts: Parts) -> Body:
    """A project's limits and how much of them is used."""
    project = _authorize(request, "get_quota")
    limits, used = await parts.quotas.limits(project), await parts.quotas.used(project)
    return {"quota": {name: {"limit": limit, "used": used[name], "reserved": 0} for name, limit in limits.items()}}


async def update(request: Request, parts: Parts) -> Body:
    """Set limits of its own for a project; none below what is used, unless by ``force``."""
    project = _authorize(request, "update_quota")
    limits = QUOTA.updated(request)
    check, force = limits.pop("check_limit", False), limits.pop("force", False)
    if check or not force:
        used = await parts.quotas.used(project)
        if low := [name for name, limit in limits.items() if 0 <= limit < used[name]]:
            raise HTTPBadRequest(f"Quota limit of {', '.join(low)} is lower than what is used.")
    await parts.quotas.set(project, limits)
    return views.quota_set(await parts.quotas.limits(project))


async def delete(request: Request, parts: Parts) -> None:
    """Back to the defaults."""
    await parts.quotas.reset(_authorize(request, "delete_quota"))
