"""Role assignments. Source: Identity API v3 reference, "List role assignments"."""

from typing import Any

from tinstack.core.http import Request
from tinstack.identity import views
from tinstack.identity.errors import Invalid
from tinstack.identity.grants import Assignment, listed
from tinstack.identity.handlers.common import target_of
from tinstack.identity.identity import Identity
from tinstack.identity.rows import Project
from tinstack.identity.snapshot import Snapshot

INHERITED_TO = "OS-INHERIT:inherited_to"
PATH = "/v3/role_assignments"


def _flag(request: Request, name: str) -> bool:
    """Keystone's way: the bare name means true."""
    text = request.query.get(name)
    return text is not None and text.lower() not in ("0", "false", "no", "off")


async def index(request: Request, identity: Identity) -> object:
    """Role assignments by their filters; ``effective``, ``include_names`` and ``include_subtree`` as in the reference."""
    snapshot, query = await identity.now(), request.query.flat()
    project_id = query.get("scope.project.id")
    if _flag(request, "include_subtree"):
        project = snapshot.projects.get(project_id or "")
        request.authorize("identity:list_role_assignments_for_tree", {"project": target_of(project)})
        if project is None:
            raise Invalid("include_subtree needs scope.project.id, the id of a project.")
        places = {project.id, *snapshot.below(project.id)}
    else:
        request.authorize("identity:list_role_assignments", {"domain_id": request.context.domain_id})
        places = {project_id} if project_id else set()
    effective = _flag(request, "effective")
    _refuse_nonsense(query, effective)
    found = [
        one
        for one in listed(snapshot, effective=effective)
        if _wanted(one, query, places) and _visible(request, snapshot, one)
    ]
    names = _flag(request, "include_names")
    return {
        "role_assignments": [_view(request, snapshot, one, names) for one in found],
        "links": views.list_links(request, PATH),
    }


def _refuse_nonsense(query: dict[str, str], effective: bool) -> None:
    exclusive = ("scope.domain.id", "scope.project.id", "scope.system")
    if sum(1 for name in exclusive if query.get(name)) > 1:
        raise Invalid("Filter by one of domain, project and system, not by several.")
    if query.get("user.id") and query.get("group.id"):
        raise Invalid("Filter by a user or by a group, not by both.")
    if effective and query.get("group.id"):
        raise Invalid("Effective assignments are users', so none is of a group.")
    if effective and query.get(f"scope.{INHERITED_TO}") and query.get("scope.domain.id"):
        raise Invalid("Effective assignments are not inherited by a domain.")


def _wanted(one: Assignment, query: dict[str, str], places: set[str]) -> bool:
    if query.get("user.id") and (one.actor, one.actor_id) != ("user", query["user.id"]):
        return False
    if query.get("group.id") and (one.actor, one.actor_id) != ("group", query["group.id"]):
        return False
    if query.get("role.id") and one.role_id != query["role.id"]:
        return False
    if query.get("scope.domain.id") and (one.target, one.target_id) != ("domain", query["scope.domain.id"]):
        return False
    if query.get("scope.system") and one.target != "system":
        return False
    if places and (one.target != "project" or one.target_id not in places):
        return False
    inherited = query.get(f"scope.{INHERITED_TO}")
    return inherited is None or one.granted.inherited == (inherited == "projects")


def _visible(request: Request, snapshot: Snapshot, one: Assignment) -> bool:
    """A domain's token sees what is on the domain and its projects."""
    own = request.context.domain_id
    if own is None:
        return True
    place = snapshot.projects.get(one.target_id)
    return place is not None and own in (place.id, place.domain_id)


def _named(row: Any, snapshot: Snapshot) -> dict[str, Any]:
    shown = {"id": row.id, "name": row.name}
    domain = snapshot.projects.get(row.domain_id)
    return shown | {"domain": {"id": domain.id, "name": domain.name}} if domain else shown


def _view(request: Request, snapshot: Snapshot, one: Assignment, names: bool) -> dict[str, Any]:
    role, actor = snapshot.roles[one.role_id], _actor(snapshot, one)
    place: Project | None = snapshot.projects.get(one.target_id)
    scope: dict[str, Any] = {"system": {"all": True}}
    if place:
        scope = {one.target: _named(place, snapshot) if names else {"id": place.id}}
    if one.granted.inherited:
        scope[INHERITED_TO] = "projects"
    links = {"assignment": _link(request, one)}
    if one.granted.actor == "group" and one.actor == "user":
        links["membership"] = f"{request.root_url}/v3/groups/{one.granted.actor_id}/users/{one.actor_id}"
    if one.prior_id:
        links["prior_role"] = f"{request.root_url}/v3/prior_role/{one.prior_id}/implies/{one.role_id}"
    return {
        "role": _named(role, snapshot) if names else {"id": role.id},
        one.actor: _named(actor, snapshot) if names else {"id": one.actor_id},
        "scope": scope,
        "links": links,
    }


def _actor(snapshot: Snapshot, one: Assignment) -> Any:
    return snapshot.users[one.actor_id] if one.actor == "user" else snapshot.groups[one.actor_id]


def _link(request: Request, one: Assignment) -> str:
    grant = one.granted
    place = "/system" if grant.target == "system" else f"/{grant.target}s/{grant.target_id}"
    path = f"{place}/{grant.actor}s/{grant.actor_id}/roles/{grant.role_id}"
    if grant.inherited:
        path = f"/OS-INHERIT{path}/inherited_to_projects"
    return f"{request.root_url}/v3{path}"
