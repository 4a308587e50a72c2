"""Rebuild and rescue. Source: compute API reference, "Rebuild Server", "Rescue Server" and "Unrescue Server"."""

from tinstack.api import rebuilds, rescues
from tinstack.api.handlers.servers import view_of, visible
from tinstack.api.operations import operate
from tinstack.api.parts import Compute
from tinstack.api.views import API, Body
from tinstack.core.http import Request, Response


async def rebuild(request: Request, service: Compute) -> Response:
    """``rebuild``."""
    row = await visible(request, service, "servers:rebuild")
    server, password = await rebuilds.rebuild(service, request, row, request.body["rebuild"])
    shown = (await view_of(request, service)).changed(server)
    if request.at_least(2, 54):
        shown["key_name"] = server.key_name
    if request.at_least(2, 57):
        shown.pop("OS-EXT-SRV-ATTR:user_data", None)
        shown["user_data"] = server.user_data
    shown["adminPass"] = password
    return Response(202, {"server": shown}, headers={"Location": f"{request.root_url}{API}/servers/{server.id}"})


async def rescue(request: Request, service: Compute) -> Body:
    """``rescue``: from its own image, unless another one is named."""
    row = await visible(request, service, "os-rescue")
    wanted = request.body["rescue"] or {}
    password = await rescues.rescue(service, request, row, wanted.get("rescue_image_ref"), wanted.get("adminPass"))
    return {"adminPass": password}


async def unrescue(request: Request, service: Compute) -> None:
    """``unrescue``."""
    await operate(service, request, await visible(request, service, "os-unrescue"), "unrescue")
