"""Volumes of servers that are there: attached and detached by operations of their hosts.

Source: compute API reference, "Servers with volume attachments"; Block Storage API v3, Attachments.
"""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec

from tinstack.api.disk_names import Names, letters_of, prefix_of
from tinstack.api.errors import Invalid
from tinstack.api.operations import check_state, check_unlocked, operate
from tinstack.api.parts import Compute
from tinstack.api.schemas.words import truth
from tinstack.api.volume_sources import VOLUME, find_volume
from tinstack.computedb import details, instances
from tinstack.computedb.instances import ServerNotFound
from tinstack.computedb.rows import Instance
from tinstack.computedb.store import Begun
from tinstack.conductor.rpc import RequestedVolume
from tinstack.core.client import RemoteError
from tinstack.core.clock import now_us
from tinstack.core.db import Transaction
from tinstack.core.errors import Conflict, NotFound
from tinstack.core.http import Request

ATTACH, DETACH, EXTEND = "attach_volume", "detach_volume", "extend_volume"
MULTIATTACH = (2, 60)
UNFINISHED = {"reserved", "attaching"}
"""States of a volume that a server has in its row, but not in its guest."""
VERSION = {"OpenStack-API-Version": "volume 3.70"}


class VolumeNotFound(NotFound):
    """404: none that the caller sees."""

    code, message = "compute.volume.not_found", "Volume {id} could not be found."


class NotAttached(NotFound):
    """404: the server does not have it."""

    code, message = "compute.volume.not_attached", "Instance {server} is not attached to volume {volume}"


class InvalidVolume(Invalid):
    """400: it is not in a state for that."""

    code, message = "compute.volume.invalid", "Invalid volume: {reason}"


class NoMultiattach(Invalid):
    """400: an older client would not expect it."""

    code = "compute.volume.multiattach"
    message = "Multiattach volumes are only supported starting with compute API version 2.60."


class NotMigrating(Conflict):
    """409: volumes are swapped under a guest only while the volume service migrates them."""

    code = "compute.volume.swap"
    message = "volume {id} is not migrating; this API should only be called by Cinder"


async def _found(compute: Compute, request: Request, id: str) -> dict[str, Any]:
    volume: dict[str, Any] | None = await find_volume(compute, request.context, id)
    if volume is None:
        raise VolumeNotFound(id=id)
    return volume


def attached(row: Instance, volume_id: str) -> RequestedVolume:
    """The server's volume of that id. Raises NotAttached."""
    for one in row.volumes:
        if one.volume_id == volume_id:
            return one
    raise NotAttached(server=row.id, volume=volume_id)


async def attach(compute: Compute, request: Request, row: Instance, wanted: dict[str, Any]) -> RequestedVolume:
    """Reserve the volume and have the host attach it; as it is from now on. Raises what is wrong by the reference's codes."""
    check_unlocked(request, row)
    check_state(row, ATTACH)
    wish = wanted.get("device")
    if wish:
        letters_of(wish)
    volume = await _found(compute, request, wanted["volumeId"])
    _check_usable(request, row, volume)
    attachment = RequestedVolume(
        attachment_id=str(uuid4()),
        source="volume",
        volume_id=volume["id"],
        device=wish,
        delete_on_termination=truth(wanted.get("delete_on_termination", False)),
        tag=wanted.get("tag"),
    )

    async def add(tx: Transaction, begun: Begun) -> None:
        nonlocal attachment
        server = begun.server
        if any(one.volume_id == attachment.volume_id for one in server.volumes):
            raise InvalidVolume(reason=f"volume {attachment.volume_id} already attached")
        own = bool(server.flavor.ephemeral_gib) + bool(server.flavor.swap_mib)
        names = Names(prefix_of(server.image_properties), own, server.volumes, server.root_device)
        attachment = msgspec.structs.replace(attachment, device=names.take(wish))
        server.volumes = [*server.volumes, attachment]
        await instances.write(tx, server.id, volumes=server.volumes)

    async def reserve(begun: Begun) -> None:
        body = {
            "volume_uuid": attachment.volume_id,
            "instance_uuid": row.id,
            "attachment_id": attachment.attachment_id,
            "mountpoint": attachment.device,
        }
        try:
            await compute.session.request("POST", VOLUME, "/attachments", json={"attachment": body}, headers=VERSION)
        except RemoteError as error:
            raise _refused(error) from error

    async def forget(tx: Transaction, server: Instance) -> None:
        rest = [one for one in server.volumes if one.attachment_id != attachment.attachment_id]
        await instances.write(tx, server.id, volumes=rest)

    data = {"volume_id": attachment.volume_id, "attachment_id": attachment.attachment_id}
    await operate(compute, request, row, ATTACH, data=data, also=add, prepare=reserve, undo=forget)
    return attachment


def _check_usable(request: Request, row: Instance, volume: dict[str, Any]) -> None:
    id, many = volume["id"], bool(volume.get("multiattach"))
    if any(one.volume_id == id for one in row.volumes):
        why = f"volume {id} already attached" if many else f"volume {id} is already attached to instances: {row.id}"
        raise InvalidVolume(reason=why)
    if many and not request.at_least(*MULTIATTACH):
        raise NoMultiattach
    if volume["status"] != "available" and not (many and volume["status"] in ("in-use", "reserved", "attaching")):
        raise InvalidVolume(
            reason=f"volume '{id}' status must be 'available'. Currently in '{volume['status']}' status"
        )


def _refused(error: RemoteError) -> Exception:
    """What the volume service says of a reservation, in this API's codes."""
    if error.remote_status in (400, 409):
        return Invalid(error.text)
    return NotFound(error.text) if error.remote_status == 404 else error


async def detach(compute: Compute, request: Request, row: Instance, id: str) -> None:
    """Have the host detach it. Raises VolumeNotFound, NotAttached, Invalid, WrongState."""
    await _found(compute, request, id)
    volume = attached(row, id)
    if volume.boot_index == 0:
        raise Invalid("Cannot detach a root device volume")

    async def begin(begun: Begun) -> None:
        """One that was never attached (or is being attached to another server) is let go without it."""
        path = f"/volumes/{quote(id)}"
        try:
            await compute.session.request(
                "POST", VOLUME, f"{path}/action", json={"os-begin_detaching": {}}, headers=VERSION
            )
        except RemoteError as error:
            now = await compute.session.request("GET", VOLUME, path, headers=VERSION, ok=(404,))
            if now.status == 404 or now.json()["volume"]["status"] not in UNFINISHED:
                raise _refused(error) from error

    async def nothing(tx: Transaction, server: Instance) -> None:
        """A volume that can't be detached stays."""

    async def still_there(tx: Transaction, begun: Begun) -> None:
        attached(begun.server, id)

    data = {"volume_id": id, "attachment_id": volume.attachment_id}
    await operate(compute, request, row, DETACH, data=data, also=still_there, prepare=begin, undo=nothing)


async def extended(compute: Compute, request: Request, row: Instance, id: str) -> None:
    """The volume service says that a volume has grown: its host lets the guest see it."""
    volume = await compute.session.request("GET", VOLUME, f"/volumes/{quote(id)}", headers=VERSION)
    data = {"volume_id": id, "size_gib": volume.json()["volume"]["size"]}
    await operate(compute, request, row, EXTEND, data=data, even_locked=True)


async def change(compute: Compute, row: Instance, id: str, wanted: dict[str, Any]) -> None:
    """2.85: what a user may change of an attachment; the rest must be as it is. Raises Invalid, NotAttached."""
    volume = attached(row, id)
    now = {"id": id, "serverId": row.id, "device": volume.device, "tag": volume.tag}
    for name, value in now.items():
        if name in wanted and wanted[name] != value:
            raise Invalid(f"The {name} property is not mutable")
    if "delete_on_termination" not in wanted:
        return
    last = truth(wanted["delete_on_termination"])

    def swap(before: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**one, "delete_on_termination": last} if one.get("volume_id") == id else one for one in before]

    if await details.swap(compute.db, row.id, "volumes", swap, now_us()) is None:
        raise ServerNotFound(id=row.id)


async def refuse_swap(compute: Compute, request: Request, id: str, other: str) -> None:
    """Another volume in the place of one. Raises VolumeNotFound, NotMigrating."""
    await _found(compute, request, id)
    raise NotMigrating(id=id)
