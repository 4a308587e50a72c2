"""Images of servers. Source: compute API reference, "Servers - run an action"."""

from tinstack.api import snapshots
from tinstack.api.handlers.servers import visible
from tinstack.api.parts import Compute
from tinstack.core.http import Request, Response

BODY = (2, 45)
"""From this version on the image's id is in the body; before, its URL in a header."""


async def create_image(request: Request, service: Compute) -> Response:
    """``createImage``."""
    row = await visible(request, service, "servers:create_image")
    return await _answer(
        request, service, await snapshots.create_image(service, request, row, request.body["createImage"])
    )


async def create_backup(request: Request, service: Compute) -> Response:
    """``createBackup``; with a rotation of 0 nothing will be left to be told of."""
    row = await visible(request, service, "os-create-backup")
    wanted = request.body["createBackup"]
    id = await snapshots.create_backup(service, request, row, wanted)
    if not request.at_least(*BODY) and not int(wanted["rotation"]):
        return Response(202)
    return await _answer(request, service, id)


async def _answer(request: Request, service: Compute, id: str) -> Response:
    if request.at_least(*BODY):
        return Response(202, {"image_id": id})
    url = f"{await service.session.endpoint('image')}/v2/images/{id}"
    return Response(202, headers={"Location": url})
