"""Grants on projects, domains and the system, for users and groups. Source: Identity API v3 reference, "Roles".

One handler each for all paths: what the path names says whom and where.
"""

from typing import Any

from tinstack.core.http import Request
from tinstack.identity import grants, views
from tinstack.identity.errors import Missing
from tinstack.identity.handlers.common import role_target, target_of
from tinstack.identity.identity import Identity
from tinstack.identity.rows import Grant, Row
from tinstack.identity.snapshot import Scope, Snapshot

INHERITED = "inherited_to_projects"


def _place(request: Request) -> Scope:
    for kind in ("project", "domain"):
        if f"{kind}_id" in request.path:
            return Scope(kind, request.path[f"{kind}_id"])
    return Scope("system", "all")


def _actor(request: Request) -> tuple[str, str]:
    kind = "user" if "user_id" in request.path else "group"
    return kind, request.path[f"{kind}_id"]


def _authorize(request: Request, snapshot: Snapshot, verb: str, plural: str = "") -> None:
    """Authorise against all that the path names, then insist that it is there. Raises Missing."""
    place, (actor, actor_id) = _place(request), _actor(request)
    named: list[tuple[str, str, Row | None]] = [
        (actor, actor_id, snapshot.users.get(actor_id) if actor == "user" else snapshot.groups.get(actor_id))
    ]
    if place.kind == "project":
        named.append(("project", place.id, snapshot.projects.get(place.id)))
    elif place.kind == "domain":
        named.append(("domain", place.id, snapshot.domain(place.id)))
    target: dict[str, Any] = {kind: target_of(row) for kind, _, row in named}
    if "role_id" in request.path:
        role = snapshot.roles.get(request.path["role_id"])
        target["role"] = role_target(role)
        named.append(("role", request.path["role_id"], role))
    rule = f"{verb}_system_grant{plural}_for_{actor}" if place.kind == "system" else f"{verb}_grant{plural}"
    request.authorize(f"identity:{rule}", target)
    for kind, identifier, row in named:
        if row is None:
            raise Missing(kind=kind, id=identifier)


def _inherited(request: Request) -> bool:
    return str(request.asgi.path).rstrip("/").endswith(INHERITED)


def _grant(request: Request) -> Grant:
    place, (actor, actor_id) = _place(request), _actor(request)
    return Grant(
        actor=actor,
        actor_id=actor_id,
        target=place.kind,
        target_id=place.id,
        role_id=request.path["role_id"],
        inherited=_inherited(request),
    )


async def index(request: Request, identity: Identity) -> object:
    """The roles granted there."""
    snapshot = await identity.now()
    _authorize(request, snapshot, "list", "s")
    found = grants.roles_of(snapshot, *_actor(request), _place(request), inherited=_inherited(request))
    shown = (views.role(request, role) for role in found)
    return views.collection(request, "roles", shown, str(request.asgi.path), ("name",))


async def check(request: Request, identity: Identity) -> None:
    """204 when the role is granted there, else 404."""
    snapshot = await identity.now()
    _authorize(request, snapshot, "check")
    if _grant(request) not in snapshot.grants_of.get(_actor(request), ()):
        raise Missing(kind="role assignment of role", id=request.path["role_id"])


async def create(request: Request, identity: Identity) -> None:
    """Grant a role."""
    _authorize(request, await identity.now(), "create")
    await grants.give(identity, _grant(request))


async def delete(request: Request, identity: Identity) -> None:
    """Revoke a role."""
    _authorize(request, await identity.now(), "revoke")
    await grants.take(identity, _grant(request))
