"""Server groups. Source: compute API reference, "Server groups"."""

from uuid import uuid4

from tinstack.api.errors import TooMany
from tinstack.api.numbers import number
from tinstack.api.parts import Compute
from tinstack.api.views import Body
from tinstack.api.views.hosts import group as view
from tinstack.computedb import groups as store
from tinstack.computedb import quota_limits
from tinstack.computedb.groups import ServerGroup
from tinstack.core.clock import now_us
from tinstack.core.errors import BadRequest, NotFound
from tinstack.core.http import Request


class GroupNotFound(NotFound):
    """404: no such group in the project."""

    code, message = "compute.server_group.not_found", "Instance group {id} could not be found."


async def _visible(request: Request, service: Compute, rule: str) -> ServerGroup:
    id = request.path["id"]
    found = await store.get(service.db, id)
    if found is None or request.visible_project() not in (None, found.project_id):
        request.authorized = True
        raise GroupNotFound(id=id)
    request.authorize(f"os_compute_api:os-server-groups:{rule}", {"project_id": found.project_id})
    return found


async def index(request: Request, service: Compute) -> Body:
    """``GET /os-server-groups``: ``all_projects`` counts for admin only."""
    request.authorize("os_compute_api:os-server-groups:index")
    everywhere = "all_projects" in request.query and request.context.is_admin
    if everywhere:
        request.authorize("os_compute_api:os-server-groups:index:all_projects")
    rows = await store.of_project(service.db, None if everywhere else request.project_id)
    limit = request.query.integer("limit")
    offset = request.query.integer("offset") or 0
    rows = rows[offset : offset + min(limit or service.config.page_limit, service.config.page_limit)]
    members = await store.members(service.db)
    return {"server_groups": [view(row, members.get(row.id, []), request) for row in rows]}


async def create(request: Request, service: Compute) -> Body:
    """``POST /os-server-groups``."""
    request.authorize("os_compute_api:os-server-groups:create")
    wanted = request.body["server_group"]
    policy = wanted["policy"] if request.at_least(2, 64) else wanted["policies"][0]
    rules = {name: number(value, name, 1) for name, value in (wanted.get("rules") or {}).items()}
    if rules and policy != "anti-affinity":
        raise BadRequest(f"Only anti-affinity policy supports rules, not '{policy}'.")
    made = ServerGroup(
        id=str(uuid4()),
        project_id=request.project_id,
        user_id=request.user_id,
        name=wanted["name"],
        policy=policy,
        rules=rules,
        created_at=now_us(),
    )
    limits = await quota_limits.limits(service.db, service.default_quotas, made.project_id, made.user_id)
    try:
        await store.insert_group(service.db, made, limits["server_groups"])
    except store.OverLimit as error:
        raise TooMany("Quota exceeded, too many server groups.") from error
    return {"server_group": view(made, [], request)}


async def show(request: Request, service: Compute) -> Body:
    """``GET /os-server-groups/{id}``."""
    row = await _visible(request, service, "show")
    return {"server_group": view(row, (await store.members(service.db, row.id)).get(row.id, []), request)}


async def delete(request: Request, service: Compute) -> None:
    """``DELETE /os-server-groups/{id}``: the servers stay."""
    row = await _visible(request, service, "delete")
    await store.remove(service.db, row.id)
