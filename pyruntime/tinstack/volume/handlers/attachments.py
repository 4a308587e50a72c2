"""Attachments (3.27). Hosts come here with launch tokens (steps 25–27)."""

from tinstack.core import crash
from tinstack.core.errors import Forbidden
from tinstack.core.http import Request
from tinstack.volume import store, views
from tinstack.volume import tables as t
from tinstack.volume.errors import Invalid
from tinstack.volume.handlers import lists
from tinstack.volume.parts import Parts
from tinstack.volume.rows import Attachment

SORTABLE = {"id", "status", "created_at", "volume_id"}
_FILTERS = ("status", "volume_id", "instance_id")


def _sees_connection(request: Request) -> bool:
    context = request.context
    return context.is_admin or context.is_service or context.launch is not None


async def _rows(request: Request, parts: Parts) -> list[Attachment]:
    launch = request.context.launch
    wanted = lists.wanted(request, SORTABLE)
    for name in _FILTERS:
        text = request.query.get(name)
        if text is not None:
            wanted.conditions.append(t.attachments.c[name] == text)
    if launch is not None:
        parts.trace_token(request)
        request.authorized = True
        if request.query.get("instance_id") not in (None, launch.server):
            raise Forbidden("This launch token is not for that server's volumes.")
        wanted.project = None
        wanted.conditions.append(t.attachments.c.instance_id == launch.server)
    elif request.context.is_service:
        request.authorize("volume:attachment_list")
        wanted.project = request.query.get("project_id")
    else:
        request.authorize("volume:attachment_list")
    return await parts.database.all(store.query(t.attachments, wanted), Attachment) if wanted.limit else []


async def index(request: Request, parts: Parts) -> views.Body:
    """The short list; for a host: of its server, empty where there are none."""
    rows = await _rows(request, parts)
    return {
        "attachments": [views.attachment_summary(row) for row in rows],
        **lists.pages(request, rows, "/attachments"),
    }


async def detail(request: Request, parts: Parts) -> views.Body:
    """The long list."""
    rows = await _rows(request, parts)
    shown = [views.attachment(row, connection=_sees_connection(request)) for row in rows]
    return {"attachments": shown, **lists.pages(request, rows, "/attachments/detail")}


async def show(request: Request, parts: Parts) -> views.Body:
    """One attachment."""
    row = await parts.attachments.get(request.context, request.path["attachment_id"])
    if request.context.launch is None:
        request.authorize("volume:attachment_list", {"project_id": row.project_id})
    request.authorized = True
    return {"attachment": views.attachment(row, connection=_sees_connection(request))}


async def create(request: Request, parts: Parts) -> views.Body:
    """Reserve a volume, and connect it where a connector is given."""
    body = request.body["attachment"]
    for name in ("attachment_id", "mountpoint"):
        if name in body and not request.context.is_service:
            raise Invalid(f"{name} is given by the cloud's own services only.")
    if body.get("mode") and not request.at_least(3, 54):
        raise Invalid("mode is known from microversion 3.54 on.")
    volume = await parts.volumes.get(request.context, body["volume_uuid"])
    request.authorize("volume:attachment_create", {"project_id": volume.project_id})
    with crash.around("reserve"):
        row = await parts.attachments.create(
            volume,
            body.get("instance_uuid"),
            mode=body.get("mode") or "rw",
            id=body.get("attachment_id"),
            mountpoint=body.get("mountpoint"),
        )
    if body.get("connector"):
        row = await parts.attachments.connect(row, body["connector"])
    return {"attachment": views.attachment(row, connection=True)}


async def update(request: Request, parts: Parts) -> views.Body:
    """Connect: how the connector's host reaches the volume (step 27)."""
    row = await parts.attachments.get(request.context, request.path["attachment_id"])
    connector = request.body["attachment"]["connector"]
    launch = request.context.launch
    if launch is None:
        request.authorize("volume:attachment_update", {"project_id": row.project_id})
    elif connector.get("host") != launch.host:
        raise Forbidden(f"This launch token is for the host {launch.host}.")
    request.authorized = True
    with crash.around(27):
        row = await parts.attachments.connect(row, connector)
    return {"attachment": views.attachment(row, connection=True)}


async def complete(request: Request, parts: Parts) -> None:
    """The server has it (3.44); its host may say so."""
    row = await parts.attachments.get(request.context, request.path["attachment_id"])
    if request.context.launch is None:
        request.authorize("volume:attachment_complete", {"project_id": row.project_id})
    request.authorized = True
    with crash.around("complete"):
        await parts.attachments.complete(row)


async def delete(request: Request, parts: Parts) -> views.Body:
    """Disconnect; what the volume still has."""
    row = await parts.attachments.get(request.context, request.path["attachment_id"])
    request.authorize("volume:attachment_delete", {"project_id": row.project_id})
    await parts.attachments.refuse_used(request.context, row)
    with crash.around("remove-attachment"):
        left = await parts.attachments.delete(row)
    return {"attachments": [views.attachment_summary(one) for one in left]}
