"""Images made of servers: the record in the image service, then the host fills it. Source: compute API reference,
"Create Image (createImage Action)" and "Create Server Back Up (createBackup Action)".

A server on a volume gives an image without data that names snapshots of its volumes.
"""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec

from tinstack.api.errors import Invalid, TooMany
from tinstack.api.operations import check_state, note, operate
from tinstack.api.parts import Compute
from tinstack.api.user_calls import ask
from tinstack.api.volume_sources import VOLUME
from tinstack.computedb import quota_limits
from tinstack.computedb.rows import Instance
from tinstack.computedb.store import Begun
from tinstack.conductor.rpc import RequestedVolume
from tinstack.core.client import RemoteError
from tinstack.core.errors import ApiError, Conflict, Forbidden
from tinstack.core.http import Request

IMAGE, BACKUP = "create_image", "create_backup"
UNCHECKED = (2, 39)
"""From this version on the number of an image's metadata is the image service's to limit."""

_NOT_INHERITED = {"cache_in_nova", "bittorrent", "block_device_mapping", "bdm_v2", "root_device_name"}
_NOT_INHERITED_PREFIXES = ("img_signature", "os_glance", "owner_specified.shade")
FORMAT = {"disk_format": "qcow2", "container_format": "bare"}
"""What hosts make."""

Body = dict[str, Any]


class NoBackup(Invalid):
    """400: the data of such a server are on volumes."""

    code, message = "compute.backup.volume", "Backup is not supported for volume-backed instances."


def root_volume(row: Instance) -> RequestedVolume | None:
    """The volume that the server boots from; None where its root disk is its own."""
    return next((one for one in row.volumes if one.boot_index == 0 and one.volume_id), None)


async def create_image(compute: Compute, request: Request, row: Instance, wanted: Body) -> str:
    """The new image's id. Raises WrongState (409), Invalid, TooMany, Forbidden, Conflict."""
    await _check_count(compute, request, wanted.get("metadata") or {})
    if root_volume(row):
        target = {"project_id": row.project_id, "user_id": row.user_id}
        request.authorize("os_compute_api:servers:create_image:allow_volume_backed", target)
        return await _of_volumes(compute, request, row, wanted)
    return await _of_disk(compute, request, row, IMAGE, wanted, {"image_type": "snapshot"}, {})


async def create_backup(compute: Compute, request: Request, row: Instance, wanted: Body) -> str:
    """The same; when it is made, the oldest of its type beyond ``rotation`` are deleted. Raises NoBackup too."""
    await _check_count(compute, request, wanted.get("metadata") or {})
    check_state(row, BACKUP)
    if root_volume(row):
        raise NoBackup
    kind = wanted["backup_type"]
    data = {"rotation": int(wanted["rotation"]), "backup_type": kind}
    return await _of_disk(compute, request, row, BACKUP, wanted, {"image_type": "backup", "backup_type": kind}, data)


async def _check_count(compute: Compute, request: Request, metadata: Body) -> None:
    if not metadata or request.at_least(*UNCHECKED):
        return
    limits = await quota_limits.limits(compute.db, compute.default_quotas, request.project_id, request.user_id)
    if 0 <= limits["metadata_items"] < len(metadata):
        raise TooMany("Image metadata limit exceeded")


async def _of_disk(
    compute: Compute, request: Request, row: Instance, kind: str, wanted: Body, properties: Body, data: Body
) -> str:
    """The image's id is chosen with the operation; its record is there before the host hears of it."""
    id = str(uuid4())
    check_state(row, kind)
    properties = {"instance_uuid": row.id, "user_id": request.user_id, **(wanted.get("metadata") or {}), **properties}
    body = {**await _inherited(compute, request, row, properties), "id": id, "name": wanted["name"].strip(), **FORMAT}

    async def record(begun: Begun) -> None:
        await _record(compute, request, row, body)

    await operate(compute, request, row, kind, data={"image_id": id, **data}, prepare=record, even_locked=True)
    return id


async def _inherited(compute: Compute, request: Request, row: Instance, properties: Body) -> Body:
    """What an image of the server has of the image that it was made from, and ``properties`` before all."""
    base = await _base(compute, row.image_id) if row.image_id else {}
    kept = {
        name: str(value)
        for name, value in row.image_properties.items()
        if name not in _NOT_INHERITED and not name.startswith(_NOT_INHERITED_PREFIXES)
    }
    body: Body = {**kept, **properties, "visibility": "private"}
    body["min_disk"] = max(int(base.get("min_disk") or 0), 0 if root_volume(row) else row.flavor.root_gib)
    body["min_ram"] = int(base.get("min_ram") or 0)
    if row.image_id:
        body["base_image_ref"] = row.image_id
    if request.project_id != row.project_id:
        body |= {"visibility": "shared", "instance_owner": row.project_id}
    return body


async def _base(compute: Compute, id: str) -> Body:
    answer = await compute.session.request("GET", "image", f"/v2/images/{quote(id)}", ok=(403, 404))
    found: Body = answer.json() if answer.status == 200 else {}
    return found


async def _record(compute: Compute, request: Request, row: Instance, body: Body) -> Body:
    """In the image service, by the user's own token. Raises Invalid, Forbidden, Conflict."""
    try:
        made: Body = (await ask(compute, request.context, "POST", "image", "/v2/images", json=body)).json()
        if made.get("visibility") == "shared":
            path = f"/v2/images/{made['id']}/members"
            await ask(compute, request.context, "POST", "image", path, json={"member": row.project_id})
    except RemoteError as error:
        raise _refused(error) from error
    return made


def _refused(error: RemoteError) -> Exception:
    kinds: dict[int, type[ApiError]] = {400: Invalid, 403: Forbidden, 404: Invalid, 409: Conflict, 413: TooMany}
    return kinds[error.remote_status](error.text) if error.remote_status in kinds else error


async def _of_volumes(compute: Compute, request: Request, row: Instance, wanted: Body) -> str:
    """Snapshots of all its volumes, then an empty image that names them. What was made before a refusal is deleted."""
    check_state(row, IMAGE)
    name = wanted["name"].strip()
    mapping: list[Body] = []
    try:
        for volume in row.volumes:
            mapping.append(await _mapped(compute, request, volume, name))
    except ApiError as error:
        for one in mapping:
            if one.get("snapshot_id"):
                path = f"/snapshots/{one['snapshot_id']}"
                await compute.session.request("DELETE", VOLUME, path, ok=(400, 404))
        raise (_refused(error) if isinstance(error, RemoteError) else error) from error
    properties = {
        **(wanted.get("metadata") or {}),
        "root_device_name": row.root_device or "/dev/vda",
        "block_device_mapping": msgspec.json.encode(mapping).decode(),
        "bdm_v2": "True",
    }
    inherited = await _inherited(compute, request, row, properties)
    body = {**inherited, "id": str(uuid4()), "name": name, **FORMAT, "disk_format": "raw"}
    made = await _record(compute, request, row, body)
    url = f"{await compute.session.endpoint('image')}/v2/images/{made['id']}/file"
    octets = {"Content-Type": "application/octet-stream"}
    await compute.session.send("PUT", url, token=request.context.token, data=b"", headers=octets, service="image")
    await note(compute, request, row, "createImage")
    return str(made["id"])


async def _mapped(compute: Compute, request: Request, volume: RequestedVolume, name: str) -> Body:
    """A disk as the image's ``block_device_mapping`` has it; of a volume a snapshot is taken."""
    shown: Body = {
        "device_name": volume.device,
        "boot_index": volume.boot_index,
        "delete_on_termination": volume.delete_on_termination,
        "tag": volume.tag,
        "device_type": "disk",
        "disk_bus": None,
        "guest_format": volume.guest_format,
        "volume_type": volume.volume_type,
        "no_device": None,
    }
    if volume.volume_id is None:
        return {
            **shown,
            "source_type": "blank",
            "destination_type": "local",
            "volume_size": volume.size_gib,
            "snapshot_id": None,
            "volume_id": None,
            "image_id": None,
        }
    body = {"volume_id": volume.volume_id, "name": f"snapshot for {name}", "force": True}
    answer = await ask(compute, request.context, "POST", VOLUME, "/snapshots", json={"snapshot": body})
    snapshot = answer.json()["snapshot"]
    return {
        **shown,
        "source_type": "snapshot",
        "destination_type": "volume",
        "snapshot_id": snapshot["id"],
        "volume_size": snapshot["size"],
        "volume_id": None,
        "image_id": None,
    }
