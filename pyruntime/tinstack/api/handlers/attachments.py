"""A server's volumes. Source: compute API reference, "Servers with volume attachments"."""

from tinstack.api.handlers.servers import visible
from tinstack.api.operations import check_unlocked
from tinstack.api.parts import Compute
from tinstack.api.views import Body
from tinstack.computedb.rows import Instance
from tinstack.conductor.rpc import RequestedVolume
from tinstack.core.errors import NotFound, NotImplementedHere
from tinstack.core.http import Request, page_of


def _volume(volume: RequestedVolume, row: Instance, request: Request) -> Body:
    shown: Body = {"serverId": row.id, "volumeId": volume.volume_id, "device": volume.device}
    if not request.at_least(2, 89):
        shown["id"] = volume.volume_id
    if request.at_least(2, 70):
        shown["tag"] = volume.tag
    if request.at_least(2, 79):
        shown["delete_on_termination"] = volume.delete_on_termination
    if request.at_least(2, 89):
        shown |= {"attachment_id": volume.attachment_id, "bdm_uuid": volume.attachment_id}
    return shown


async def volumes(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/os-volume_attachments``."""
    row = await visible(request, service, "os-volumes-attachments:index")
    page = page_of(request, service.config.page_limit)
    offset = request.query.integer("offset") or 0
    found = [one for one in row.volumes if one.volume_id][offset : offset + page.limit]
    return {"volumeAttachments": [_volume(one, row, request) for one in found]}


async def volume(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/os-volume_attachments/{volume}``."""
    row, id = await visible(request, service, "os-volumes-attachments:show"), request.path["volume_id"]
    for one in row.volumes:
        if one.volume_id == id:
            return {"volumeAttachment": _volume(one, row, request)}
    raise NotFound(f"volume_id not found: {id}")


async def missing(request: Request, service: Compute) -> None:
    """Attaching and detaching: no host does it yet."""
    check_unlocked(request, await visible(request, service, "servers:show"))
    raise NotImplementedHere
