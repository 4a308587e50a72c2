"""Which endpoints stand in a project's catalog. Source: Identity API v3 extension OS-EP-FILTER."""

from collections.abc import Iterable
from uuid import uuid4

from tinstack.core.db import Duplicate
from tinstack.core.http import Request
from tinstack.identity import views
from tinstack.identity.catalog import endpoints_of, matches
from tinstack.identity.errors import Invalid, Missing
from tinstack.identity.handlers.common import required
from tinstack.identity.handlers.nouns import Noun
from tinstack.identity.identity import Identity
from tinstack.identity.rows import Endpoint, EndpointGroup, Project, ProjectEndpoint, ProjectEndpointGroup, Row
from tinstack.identity.store import Writer

PATH = "OS-EP-FILTER"
FILTERS = {"service_id", "region_id", "interface"}

groups = Noun(EndpointGroup, "endpoint_group", f"{PATH}/endpoint_groups", "endpoint_group_id", filters=("name",))


def _check(filters: dict[str, str]) -> None:
    if unknown := set(filters) - FILTERS:
        raise Invalid(f"Endpoints can't be filtered by {', '.join(sorted(unknown))}.")


async def create_group(request: Request, identity: Identity) -> object:
    """A new endpoint group."""
    given = request.body["endpoint_group"]
    _check(given["filters"])
    row = EndpointGroup(
        id=uuid4().hex, name=given["name"], description=given.get("description"), filters=given["filters"]
    )
    return await groups.add(request, identity, row)


async def update_group(request: Request, identity: Identity) -> object:
    """Change an endpoint group."""
    row, given = await groups.found(request, identity), request.body["endpoint_group"]
    _check(given.get("filters", {}))
    changes = {name: given[name] for name in ("name", "description", "filters") if name in given}
    return await groups.change(request, identity, row, **changes)


async def delete_group(request: Request, identity: Identity) -> None:
    """Forget an endpoint group and whose catalog it is in."""
    id = (await groups.found(request, identity)).id

    async def work(writer: Writer) -> None:
        await writer.delete(ProjectEndpointGroup, endpoint_group_id=id)
        await writer.delete(EndpointGroup, id=id)

    await identity.store.write(work)


async def _project(request: Request, identity: Identity) -> Project:
    id = request.path["project_id"]
    project: Project = required((await identity.now()).projects.get(id), "project", id)
    return project


async def _endpoint(request: Request, identity: Identity) -> Endpoint:
    id = request.path["endpoint_id"]
    endpoint: Endpoint = required((await identity.now()).endpoints.get(id), "endpoint", id)
    return endpoint


async def _add(identity: Identity, row: Row) -> None:
    """Being there already is fine."""
    try:
        await identity.store.write(lambda writer: writer.insert(row))
    except Duplicate:
        return


def _endpoints(request: Request, found: Iterable[Endpoint], path: str) -> views.Body:
    return views.collection(request, "endpoints", (views.endpoint(request, one) for one in found), f"/v3/{PATH}/{path}")


def _projects(request: Request, found: Iterable[Project], path: str) -> views.Body:
    return views.collection(request, "projects", (views.project(request, one) for one in found), f"/v3/{PATH}/{path}")


# --- endpoints of a project -----------------------------------------------------------------------


async def endpoints(request: Request, identity: Identity) -> object:
    """The endpoints that are named for a project, one by one or by groups."""
    project, snapshot = await _project(request, identity), await identity.now()
    found = endpoints_of(snapshot, project.id)
    return _endpoints(request, found or [], f"projects/{project.id}/endpoints")


async def _pair(request: Request, identity: Identity) -> ProjectEndpoint:
    project, endpoint = await _project(request, identity), await _endpoint(request, identity)
    return ProjectEndpoint(project_id=project.id, endpoint_id=endpoint.id)


async def add(request: Request, identity: Identity) -> None:
    """Name an endpoint for a project."""
    await _add(identity, await _pair(request, identity))


async def check(request: Request, identity: Identity) -> None:
    """204 when it is named, else 404."""
    pair = await _pair(request, identity)
    if pair not in (await identity.now()).project_endpoints:
        raise Missing(kind="endpoint in the project", id=pair.endpoint_id)


async def remove(request: Request, identity: Identity) -> None:
    """Name it no more."""
    pair = await _pair(request, identity)
    where = {"project_id": pair.project_id, "endpoint_id": pair.endpoint_id}
    if not await identity.store.write(lambda writer: writer.delete(ProjectEndpoint, **where)):
        raise Missing(kind="endpoint in the project", id=pair.endpoint_id)


async def projects_of_endpoint(request: Request, identity: Identity) -> object:
    """The projects for which an endpoint is named."""
    endpoint, snapshot = await _endpoint(request, identity), await identity.now()
    ids = [pair.project_id for pair in snapshot.project_endpoints if pair.endpoint_id == endpoint.id]
    found = [snapshot.projects[id] for id in ids if id in snapshot.projects]
    return _projects(request, found, f"endpoints/{endpoint.id}/projects")


# --- groups of a project --------------------------------------------------------------------------


async def groups_of_project(request: Request, identity: Identity) -> object:
    """The endpoint groups that are named for a project."""
    project, snapshot = await _project(request, identity), await identity.now()
    ids = [pair.endpoint_group_id for pair in snapshot.project_endpoint_groups if pair.project_id == project.id]
    return groups.list(request, [snapshot.endpoint_groups[id] for id in ids if id in snapshot.endpoint_groups])


async def endpoints_of_group(request: Request, identity: Identity) -> object:
    """The endpoints that match the group's filters."""
    group, snapshot = await groups.found(request, identity), await identity.now()
    found = [endpoint for endpoint in snapshot.endpoints.values() if matches(group, endpoint)]
    return _endpoints(request, found, f"endpoint_groups/{group.id}/endpoints")


async def projects_of_group(request: Request, identity: Identity) -> object:
    """The projects for which a group is named."""
    group, snapshot = await groups.found(request, identity), await identity.now()
    ids = [pair.project_id for pair in snapshot.project_endpoint_groups if pair.endpoint_group_id == group.id]
    found = [snapshot.projects[id] for id in ids if id in snapshot.projects]
    return _projects(request, found, f"endpoint_groups/{group.id}/projects")


async def _group_pair(request: Request, identity: Identity) -> ProjectEndpointGroup:
    group, project = await groups.found(request, identity), await _project(request, identity)
    return ProjectEndpointGroup(project_id=project.id, endpoint_group_id=group.id)


async def add_group(request: Request, identity: Identity) -> None:
    """Name a group for a project."""
    await _add(identity, await _group_pair(request, identity))


async def check_group(request: Request, identity: Identity) -> object:
    """The pair, where the group is named for the project; else 404."""
    pair = await _group_pair(request, identity)
    if pair not in (await identity.now()).project_endpoint_groups:
        raise Missing(kind="endpoint group in the project", id=pair.endpoint_group_id)
    path = f"{PATH}/endpoint_groups/{pair.endpoint_group_id}/projects"
    return {"project_endpoint_group": views.plain(request, pair, path, pair.project_id)}


async def remove_group(request: Request, identity: Identity) -> None:
    """Name it no more."""
    pair = await _group_pair(request, identity)
    where = {"project_id": pair.project_id, "endpoint_group_id": pair.endpoint_group_id}
    if not await identity.store.write(lambda writer: writer.delete(ProjectEndpointGroup, **where)):
        raise Missing(kind="endpoint group in the project", id=pair.endpoint_group_id)
