"""Registered limits and limits. Source: Identity API v3 reference, "Unified limits".

Kept and shown here; whoever uses a resource asks for them and enforces them.
"""

from typing import Any
from uuid import uuid4

from tinstack.core.db import Duplicate
from tinstack.core.http import Request
from tinstack.identity import limits, views
from tinstack.identity.handlers.nouns import Exists, Noun
from tinstack.identity.identity import Identity
from tinstack.identity.rows import Limit, RegisteredLimit, Row
from tinstack.identity.snapshot import Snapshot

FILTERS = ("service_id", "region_id", "resource_name", "project_id", "domain_id")
MODEL = {
    "name": "flat",
    "description": "A limit of a project or domain stands alone: those above and below it are not looked at.",
}


def _registered_view(request: Request, row: RegisteredLimit) -> views.Body:
    return views.plain(request, row, "registered_limits", region_id=row.region_id or None)


def _view(request: Request, row: Limit) -> views.Body:
    return views.plain(
        request,
        row,
        "limits",
        region_id=row.region_id or None,
        project_id=row.project_id or None,
        domain_id=row.domain_id or None,
    )


registered = Noun(
    RegisteredLimit,
    "registered_limit",
    "registered_limits",
    "registered_limit_id",
    filters=FILTERS[:3],
    view=_registered_view,
)
noun = Noun(Limit, "limit", "limits", "limit_id", filters=FILTERS, view=_view)


async def _insert(identity: Identity, rows: list[Row], kind: str) -> None:
    try:
        await identity.store.write(lambda writer: limits.insert(writer, rows))
    except Duplicate as error:
        raise Exists(kind=kind) from error


async def register(request: Request, identity: Identity) -> object:
    """Register defaults; all or none."""
    made = [
        RegisteredLimit(
            id=uuid4().hex,
            service_id=one["service_id"],
            region_id=one.get("region_id") or "",
            resource_name=one["resource_name"],
            default_limit=one["default_limit"],
            description=one.get("description"),
        )
        for one in request.body["registered_limits"]
    ]
    await _insert(identity, list(made), "registered limit")
    return {"registered_limits": [_registered_view(request, row) for row in made]}


async def update_registered(request: Request, identity: Identity) -> object:
    """Change one; what limits refer to stays."""
    row = await registered.found(request, identity)
    changed = await limits.change_registered(identity, row, request.body["registered_limit"])
    return registered.body(request, changed)


async def delete_registered(request: Request, identity: Identity) -> None:
    """Forget one that no limit refers to."""
    await limits.delete_registered(identity, await registered.found(request, identity))


async def model(request: Request, identity: Identity) -> object:
    """How limits are to be enforced."""
    return {"model": MODEL}


async def index(request: Request, identity: Identity) -> object:
    """The limits that the caller may see: its project's, its domain's, or all."""
    rows = await identity.store.find(Limit)
    context = request.context
    if not (context.system or context.is_admin or context.is_service):
        snapshot = await identity.now()
        rows = [row for row in rows if _own(snapshot, row, context.domain_id, context.project_id)]
    return noun.list(request, rows)


def _own(snapshot: Snapshot, row: Limit, domain_id: str | None, project_id: str | None) -> bool:
    if domain_id is None:
        return bool(row.project_id) and row.project_id == project_id
    project = snapshot.projects.get(row.project_id)
    return domain_id in (row.domain_id, project.domain_id if project else "-")


async def create(request: Request, identity: Identity) -> object:
    """Set limits of projects and domains; all or none."""
    made = [
        Limit(
            id=uuid4().hex,
            service_id=one["service_id"],
            region_id=one.get("region_id") or "",
            resource_name=one["resource_name"],
            resource_limit=one["resource_limit"],
            project_id=one.get("project_id") or "",
            domain_id=one.get("domain_id") or "",
            description=one.get("description"),
        )
        for one in request.body["limits"]
    ]
    await _insert(identity, list(made), "limit")
    return {"limits": [_view(request, row) for row in made]}


async def show(request: Request, identity: Identity) -> object:
    """One limit; 403 comes before 404."""
    row = await identity.store.one(Limit, id=request.path["limit_id"])
    snapshot, target = await identity.now(), dict[str, Any]()
    if row:
        project = snapshot.projects.get(row.project_id)
        target = {"project_id": row.project_id or None, "domain": {"id": row.domain_id or None}}
        if project:
            target["project"] = {"domain_id": project.domain_id}
    request.authorize("identity:get_limit", {"limit": target})
    return noun.body(request, row or await noun.found(request, identity))


async def update(request: Request, identity: Identity) -> object:
    """Change how much, or the description."""
    row, given = await noun.found(request, identity), request.body["limit"]
    changes = {name: given[name] for name in ("resource_limit", "description") if name in given}
    return await noun.change(request, identity, row, **changes)
