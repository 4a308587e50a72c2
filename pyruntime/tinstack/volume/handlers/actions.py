"""Actions on volumes. Source: Block Storage API v3 reference, Volume actions."""

from typing import Any

from tinstack.core import crash
from tinstack.core.http import Request
from tinstack.core.http.request import TRUE
from tinstack.volume import store, views
from tinstack.volume.errors import Invalid, InvalidState
from tinstack.volume.handlers.volumes import item
from tinstack.volume.parts import Parts
from tinstack.volume.rows import ATTACHED, ATTACHING, AVAILABLE, DETACHING, IN_USE, Attachment, Volume

STATUSES = {
    "creating", "available", "deleting", "error", "error_deleting", "error_managing", "managing", "attaching", "in-use",
    "detaching", "maintenance", "reserved", "awaiting-transfer", "downloading", "uploading", "restoring-backup",
}  # fmt: skip
MIGRATION_STATUSES = {"migrating", "error", "success", "completing", "none", "starting"}
_ACTION = "volume_extension:volume_actions:"
_ADMIN = "volume_extension:volume_admin_actions:"


def flag(value: Any) -> bool:
    """A boolean in a body may be text."""
    return value if isinstance(value, bool) else str(value).lower() in TRUE


async def extend(request: Request, parts: Parts) -> None:
    """Larger; from 3.42 also one that a server has, where its backend can."""
    row = await parts.volume(request, "volume:extend")
    attached = row.status == IN_USE and request.at_least(3, 42)
    if attached:
        request.authorize("volume:extend_attached_volume", {"project_id": row.project_id, "user_id": row.user_id})
        driver = parts.drivers.get(row.backend or "")
        if driver is None or not driver.extends_attached:
            raise InvalidState(why=f"the backend of volume {row.id} can't extend it while it is attached.")
    await parts.volumes.extend(row, int(request.body["os-extend"]["new_size"]), attached=attached)


async def upload(request: Request, parts: Parts) -> views.Body:
    """An image of it; who may see it is said from 3.1 on."""
    row = await parts.volume(request, f"{_ACTION}upload_image")
    wanted = dict(request.body["os-volume_upload_image"])
    if not request.at_least(3, 1):
        wanted = {name: value for name, value in wanted.items() if name not in ("visibility", "protected")}
    if "protected" in wanted:
        wanted["protected"] = flag(wanted["protected"])
    image = await parts.uploads.begin(request.context, row, wanted, flag(wanted.get("force") or False))
    return views.upload(request, row, await store.types(parts.database), image)


async def reset_status(request: Request, parts: Parts) -> None:
    """What an admin says it is."""
    row = await parts.volume(request, f"{_ADMIN}reset_status")
    body = request.body["os-reset_status"]
    status, attach = body.get("status"), body.get("attach_status")
    if not any(body.get(key) for key in ("status", "attach_status", "migration_status")):
        raise Invalid("Must specify 'status', 'attach_status' or 'migration_status' in request body.")
    if status is not None and status.lower() not in STATUSES:
        raise Invalid(f"Must specify a valid status: '{status}' is none.")
    if attach not in (None, "attached", "detached"):
        raise Invalid(f"Must specify a valid attach status: '{attach}' is none.")
    migration = body.get("migration_status")
    if migration is not None and migration.lower() not in MIGRATION_STATUSES:
        raise Invalid(f"Must specify a valid migration status: '{migration}' is none.")
    await parts.volumes.reset(row, status.lower() if status else None, attach)


async def set_bootable(request: Request, parts: Parts) -> None:
    """Whether a server may boot from it."""
    row = await parts.volume(request, "volume:set_bootable")
    await parts.volumes.put(row, bootable=flag(request.body["os-set_bootable"]["bootable"]))


async def readonly(request: Request, parts: Parts) -> None:
    """Shown in the metadata, as upstream does."""
    row = await parts.volume(request, "volume:update_readonly_flag")
    if row.status != AVAILABLE:
        raise InvalidState(why="Volume status must be available to update readonly flag.")
    value = str(flag(request.body["os-update_readonly_flag"]["readonly"]))
    await parts.volumes.put(row, metadata={**row.metadata, "readonly": value})


async def force_delete(request: Request, parts: Parts) -> None:
    """In whatever status."""
    await parts.volumes.delete(await parts.volume(request, f"{_ADMIN}force_delete"), force=True)


async def reserve(request: Request, parts: Parts) -> None:
    """available → attaching."""
    await _swap(parts, await parts.volume(request, f"{_ACTION}reserve"), (AVAILABLE,), ATTACHING)


async def unreserve(request: Request, parts: Parts) -> None:
    """attaching → available."""
    row = await parts.volume(request, f"{_ACTION}unreserve")
    if row.status == ATTACHING:
        rows = await parts.database.all(store.ATTACHMENTS_OF, Attachment, key=row.id)
        await parts.volumes.swap(row, IN_USE if any(one.status == ATTACHED for one in rows) else AVAILABLE)


async def begin_detaching(request: Request, parts: Parts) -> None:
    """in-use → detaching."""
    volume = await parts.volume(request, f"{_ACTION}begin_detaching")
    with crash.around("begin-detaching"):
        await _swap(parts, volume, (IN_USE,), DETACHING)


async def roll_detaching(request: Request, parts: Parts) -> None:
    """detaching → in-use."""
    row = await parts.volume(request, f"{_ACTION}roll_detaching")
    if row.status == DETACHING:
        await parts.volumes.swap(row, IN_USE)


async def _swap(parts: Parts, row: Volume, old: tuple[str, ...], new: str) -> None:
    if row.status not in old:
        raise InvalidState(
            why=f"Volume {row.id} status must be {' or '.join(old)}, but the current status is {row.status}."
        )
    await parts.volumes.swap(row, new)


async def attach(request: Request, parts: Parts) -> None:
    """The older way of attaching: in use at once."""
    row = await parts.volume(request, f"{_ACTION}attach")
    body = request.body["os-attach"]
    if "instance_uuid" in body and "host_name" in body:
        raise Invalid("Invalid request to attach volume to an instance and a host at the same time.")
    if "instance_uuid" not in body and "host_name" not in body:
        raise Invalid("Invalid request to attach volume to an invalid target.")
    mode = body.get("mode", "rw")
    await parts.attachments.attached(row, body.get("instance_uuid"), body["mountpoint"], mode, body.get("host_name"))


async def detach(request: Request, parts: Parts) -> None:
    """The older way of detaching."""
    row = await parts.volume(request, f"{_ACTION}detach")
    await _detach(request, parts, row, request.body["os-detach"].get("attachment_id"), forced=False)


async def force_detach(request: Request, parts: Parts) -> None:
    """For attachments that nobody will end."""
    row = await parts.volume(request, f"{_ADMIN}force_detach")
    await _detach(request, parts, row, request.body["os-force_detach"].get("attachment_id"), forced=True)


async def _detach(request: Request, parts: Parts, row: Volume, id: str | None, *, forced: bool) -> None:
    there = await parts.database.all(store.ATTACHMENTS_OF, Attachment, key=row.id)
    if id is not None:
        there = [one for one in there if one.id == id]
        if not there:
            raise InvalidState(why=f"Volume {row.id} has no attachment {id}.")
    if len(there) > 1:
        raise InvalidState(
            why=f"Detach volume failed: More than one attachment, but no attachment_id provided for volume {row.id}."
        )
    if not there and row.status in (ATTACHING, DETACHING):
        await parts.volumes.swap(row, AVAILABLE)
    for one in there:
        await parts.attachments.refuse_used(request.context, one)
        await parts.attachments.delete(one)
    if not there and row.status == IN_USE and forced:
        await parts.volumes.swap(row, AVAILABLE)


async def initialize_connection(request: Request, parts: Parts) -> views.Body:
    """How a host would reach it, without an attachment."""
    row = await parts.volume(request, f"{_ACTION}initialize_connection")
    driver = parts.drivers.get(row.backend or "")
    if driver is None:
        raise InvalidState(why=f"the backend of volume {row.id} is not there.")
    connector = request.body["os-initialize_connection"]["connector"]
    return {"connection_info": await driver.connect(row.id, row.id, connector, "rw")}


async def terminate_connection(request: Request, parts: Parts) -> None:
    """That host does not reach it any more."""
    row = await parts.volume(request, f"{_ACTION}terminate_connection")
    for one in await parts.database.all(store.ATTACHMENTS_OF, Attachment, key=row.id):
        await parts.attachments.refuse_used(request.context, one)
    driver = parts.drivers.get(row.backend or "")
    if driver:
        await driver.disconnect(row.id, row.id)


async def retype(request: Request, parts: Parts) -> None:
    """Another type on the same backend. Moving data between backends is not offered."""
    row = await parts.volume(request, "volume:retype")
    if row.status not in (AVAILABLE, IN_USE):
        raise InvalidState(why=f"Unable to retype volume {row.id}: its status must be available or in-use.")
    kind = await parts.types.named(request.context, request.body["os-retype"]["new_type"])
    if kind.id == row.volume_type_id:
        raise Invalid(f"New volume_type same as original: {kind.id}.")
    if parts.types.backend_of(kind) != row.backend:
        raise Invalid(
            f"Volume {row.id} would have to move to another backend for the type {kind.name}; that is not offered."
        )
    multiattach = kind.extra_specs.get("multiattach") == "<is> True"
    await parts.volumes.put(row, volume_type_id=kind.id, multiattach=multiattach)


async def show_image_metadata(request: Request, parts: Parts) -> views.Body:
    """What is remembered of the image."""
    return {"metadata": (await parts.volume(request, "volume_extension:volume_image_metadata:show")).image_metadata}


async def set_image_metadata(request: Request, parts: Parts) -> views.Body:
    """Add or change some."""
    row = await parts.volume(request, "volume_extension:volume_image_metadata:set")
    found = {**row.image_metadata, **request.body["os-set_image_metadata"]["metadata"]}
    await parts.volumes.put(row, image_metadata=found)
    return {"metadata": found}


async def unset_image_metadata(request: Request, parts: Parts) -> None:
    """Remove one."""
    row = await parts.volume(request, "volume_extension:volume_image_metadata:remove")
    key = request.body["os-unset_image_metadata"]["key"]
    item(row.image_metadata, key)
    await parts.volumes.put(row, image_metadata={k: v for k, v in row.image_metadata.items() if k != key})
