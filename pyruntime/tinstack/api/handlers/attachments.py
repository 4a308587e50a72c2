"""A server's volumes. Source: compute API reference, "Servers with volume attachments"."""

from tinstack.api import volumes
from tinstack.api.handlers.servers import visible
from tinstack.api.parts import Compute
from tinstack.api.views import Body
from tinstack.computedb.rows import Instance
from tinstack.conductor.rpc import RequestedVolume
from tinstack.core.http import Request, page_of


def _shown(volume: RequestedVolume, row: Instance, request: Request) -> Body:
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


async def index(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/os-volume_attachments``."""
    row = await visible(request, service, "os-volumes-attachments:index")
    page = page_of(request, service.config.page_limit)
    offset = request.query.integer("offset") or 0
    found = [one for one in row.volumes if one.volume_id][offset : offset + page.limit]
    return {"volumeAttachments": [_shown(one, row, request) for one in found]}


async def show(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/os-volume_attachments/{volume}``."""
    row = await visible(request, service, "os-volumes-attachments:show")
    return {"volumeAttachment": _shown(volumes.attached(row, request.path["volume_id"]), row, request)}


async def create(request: Request, service: Compute) -> Body:
    """``POST /servers/{id}/os-volume_attachments``: the volume is reserved when this is answered, the host attaches it.

    The answer has an ``id`` in every version, and what 2.89 adds elsewhere in none.
    """
    row = await visible(request, service, "os-volumes-attachments:create")
    made = await volumes.attach(service, request, row, request.body["volumeAttachment"])
    shown: Body = {"id": made.volume_id, "serverId": row.id, "volumeId": made.volume_id, "device": made.device}
    if request.at_least(2, 70):
        shown["tag"] = made.tag
    if request.at_least(2, 79):
        shown["delete_on_termination"] = made.delete_on_termination
    return {"volumeAttachment": shown}


async def update(request: Request, service: Compute) -> None:
    """``PUT …/{volume}``: ``delete_on_termination`` (2.85); another volume in its place is the volume service's to ask for."""
    id, wanted = request.path["volume_id"], request.body["volumeAttachment"]
    swaps = not request.at_least(2, 85) or wanted["volumeId"] != id
    row = await visible(request, service, f"os-volumes-attachments:{'swap' if swaps else 'update'}")
    if request.at_least(2, 85):
        await volumes.change(service, row, id, wanted)
    if swaps:
        await volumes.refuse_swap(service, request, id, wanted["volumeId"])


async def delete(request: Request, service: Compute) -> None:
    """``DELETE …/{volume}``."""
    row = await visible(request, service, "os-volumes-attachments:delete")
    await volumes.detach(service, request, row, request.path["volume_id"])
