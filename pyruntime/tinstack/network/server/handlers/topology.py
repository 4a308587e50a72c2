"""A network for who asks for one. Source: Network API reference, Auto Allocated Topologies."""

from tinstack.core.http import Request
from tinstack.network.server import views
from tinstack.network.server.errors import HTTPBadRequest
from tinstack.network.server.handlers.common import Body
from tinstack.network.server.parts import Parts

NAME = "auto_allocated_topology"
DRY_RUN = "dry-run"
MOST_ID = 64
"""Characters of a project's id."""


def _project(request: Request, action: str) -> str:
    """The project of the path; ``None`` or nothing is the caller's own. Raises PolicyForbidden, HTTPBadRequest."""
    given = request.path.get("project", "None")
    project = request.project_id if given in ("None", "null", "") else given
    request.authorize(f"{action}_{NAME}", {"project_id": project, "tenant_id": project})
    if len(project) > MOST_ID:
        raise HTTPBadRequest("Invalid input for project_id. Reason: it is no id of a project.")
    return project


async def show(request: Request, parts: Parts) -> Body:
    """The id of the project's network; with ``fields=dry-run`` only whether it could be made."""
    project = _project(request, "get")
    fields = request.query.all("fields")
    if DRY_RUN in fields:
        await parts.topologies.needs()
        return {NAME: {"id": "dry-run=pass", "tenant_id": project, "project_id": project}}
    found = await parts.topologies.of(project)
    body = {"id": found.network_id, "tenant_id": project, "project_id": project}
    return {NAME: views.chosen(body, fields)}


async def delete(request: Request, parts: Parts) -> None:
    """Remove all of it."""
    await parts.topologies.remove(_project(request, "delete"))
