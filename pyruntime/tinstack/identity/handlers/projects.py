"""Projects and their tags. Source: Identity API v3 reference, "Projects" and "Project tags"."""

from typing import Any

from tinstack.core.http import Request, Response
from tinstack.identity import projects, views
from tinstack.identity.errors import Invalid, Missing
from tinstack.identity.handlers.common import list_domain, own_domain, target_of
from tinstack.identity.identity import Identity
from tinstack.identity.rows import Project
from tinstack.identity.schemas.projects import LONGEST_TAG
from tinstack.identity.snapshot import Snapshot

FILTERS = ("name", "enabled", "domain_id", "parent_id", "is_domain")


async def _found(request: Request, identity: Identity, rule: str) -> Project:
    project_id = request.path["project_id"]
    project = (await identity.now()).projects.get(project_id)
    request.authorize(rule, {"project": target_of(project)})
    if project is None:
        raise Missing(kind="project", id=project_id)
    return project


async def index(request: Request, identity: Identity) -> object:
    """Projects (domains only with ``is_domain=true``); of the caller's domain with a domain's token."""
    domain_id = list_domain(request)
    request.authorize("identity:list_projects", {"domain_id": domain_id})
    domains = bool(request.query.boolean("is_domain", False))
    found = [
        project
        for project in (await identity.now()).projects.values()
        if project.is_domain == domains and domain_id in (None, project.domain_id) and _tagged(request, project)
    ]
    shown = (views.project(request, project) for project in found)
    return views.collection(request, "projects", shown, "/v3/projects", FILTERS)


def _tagged(request: Request, project: Project) -> bool:
    """``tags`` (all of), ``tags-any``, ``not-tags`` (not all of), ``not-tags-any``."""
    has = set(project.tags)
    for name, keep in (
        ("tags", lambda asked: asked <= has),
        ("tags-any", lambda asked: bool(asked & has)),
        ("not-tags", lambda asked: not asked <= has),
        ("not-tags-any", lambda asked: not asked & has),
    ):
        text = request.query.get(name)
        if text and not keep(set(text.split(","))):
            return False
    return True


async def create(request: Request, identity: Identity) -> object:
    """A new project; with ``is_domain`` a domain."""
    given = request.body["project"]
    if given.get("is_domain"):
        request.authorize("identity:create_project", {"project": {}})
        if given.get("parent_id") or given.get("domain_id"):
            raise Invalid("A project that is a domain has neither a parent nor a domain.")
        return {"project": views.project(request, await projects.create_domain(identity, given))}
    domain_id = given.get("domain_id") or await _parents_domain(identity, given) or own_domain(request)
    request.authorize("identity:create_project", {"project": {"domain_id": domain_id}})
    return {"project": views.project(request, await projects.create(identity, domain_id, given))}


async def _parents_domain(identity: Identity, given: dict[str, Any]) -> str | None:
    parent = (await identity.now()).projects.get(given.get("parent_id") or "")
    return (parent.domain_id or parent.id) if parent else None


async def show(request: Request, identity: Identity) -> object:
    """One project; with what is above and below it where asked."""
    project = await _found(request, identity, "identity:get_project")
    snapshot = await identity.now()
    shown = views.project(request, project)
    if "parents_as_list" in request.query:
        shown["parents"] = [
            {"project": views.project(request, one)} for one in snapshot.ancestors(project) if not one.is_domain
        ]
    elif "parents_as_ids" in request.query:
        shown["parents"] = _parent_ids(snapshot, project)
    if "subtree_as_list" in request.query:
        below = (snapshot.projects[one] for one in snapshot.below(project.id))
        shown["subtree"] = [{"project": views.project(request, one)} for one in below]
    elif "subtree_as_ids" in request.query:
        shown["subtree"] = _subtree_ids(snapshot, project.id)
    return {"project": shown}


def _parent_ids(snapshot: Snapshot, project: Project) -> dict[str, Any] | None:
    parent = snapshot.projects.get(project.parent_id)
    return {parent.id: _parent_ids(snapshot, parent)} if parent else None


def _subtree_ids(snapshot: Snapshot, project_id: str) -> dict[str, Any] | None:
    return {one: _subtree_ids(snapshot, one) for one in snapshot.children.get(project_id, ())} or None


async def update(request: Request, identity: Identity) -> object:
    """Change a project."""
    project = await _found(request, identity, "identity:update_project")
    if not request.body["project"]:
        raise Invalid("Name what is to be changed.")
    return {"project": views.project(request, await projects.update(identity, project, request.body["project"]))}


async def delete(request: Request, identity: Identity) -> None:
    """Delete a project."""
    await projects.delete(identity, await _found(request, identity, "identity:delete_project"))


async def tags(request: Request, identity: Identity) -> object:
    """All tags of a project."""
    project = await _found(request, identity, "identity:list_project_tags")
    return {"tags": project.tags, "links": views.list_links(request, f"/v3/projects/{project.id}/tags")}


async def replace_tags(request: Request, identity: Identity) -> object:
    """Replace all tags."""
    project = await _found(request, identity, "identity:update_project_tags")
    changed = await projects.set_tags(identity, project, request.body["tags"])
    return {"tags": changed.tags, "links": views.list_links(request, f"/v3/projects/{project.id}/tags")}


async def delete_tags(request: Request, identity: Identity) -> None:
    """Remove all tags."""
    await projects.set_tags(identity, await _found(request, identity, "identity:delete_project_tags"), [])


async def check_tag(request: Request, identity: Identity) -> None:
    """204 when the project has the tag, else 404."""
    project = await _found(request, identity, "identity:get_project_tag")
    _has(project, request.path["tag"])


async def add_tag(request: Request, identity: Identity) -> Response:
    """Add a tag."""
    project, tag = await _found(request, identity, "identity:create_project_tag"), request.path["tag"]
    if len(tag) > LONGEST_TAG or "," in tag:
        raise Invalid("A tag has 1 to 255 characters and neither comma nor slash.")
    await projects.set_tags(identity, project, [*project.tags, tag])
    return Response(201, headers={"Location": f"{request.root_url}/v3/projects/{project.id}/tags/{tag}"})


async def delete_tag(request: Request, identity: Identity) -> None:
    """Remove a tag."""
    project, tag = await _found(request, identity, "identity:delete_project_tag"), request.path["tag"]
    _has(project, tag)
    await projects.set_tags(identity, project, [one for one in project.tags if one != tag])


def _has(project: Project, tag: str) -> None:
    if tag not in project.tags:
        raise Missing(kind="project tag", id=tag)
