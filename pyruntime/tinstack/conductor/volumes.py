"""Volumes of servers that are there: how attaching one is undone, and detaching one is ended or called off."""

from uuid import uuid4

import msgspec

from tinstack.computedb import store
from tinstack.computedb.rows import Fault, Instance
from tinstack.conductor.claims import Fence
from tinstack.conductor.interfaces import UNDO
from tinstack.conductor.remote import MADE, Remote
from tinstack.conductor.rpc import RequestedVolume
from tinstack.core.clock import now_us
from tinstack.core.db import Transaction
from tinstack.core.operations import Operation

ATTACH, DETACH = "attach_volume", "detach_volume"
"""Kinds of operation. Their ``data``: ``volume_id`` and ``attachment_id``."""


def wanted(operation: Operation, server: Instance) -> list[RequestedVolume]:
    """The volumes that are there, to be reserved for that operation."""
    if operation.kind == "boot":
        return [one for one in server.volumes if one.source == "volume"]
    if operation.kind == ATTACH:
        return [one for one in server.volumes if one.attachment_id == operation.data["attachment_id"]]
    return []


def made(operation: Operation, server: Instance) -> list[RequestedVolume]:
    """The volumes that the operation makes."""
    return [one for one in server.volumes if one.source in MADE] if operation.kind == "boot" else []


def left(server: Instance) -> list[RequestedVolume]:
    """What a server whose boot failed still has: the volumes that it made are gone."""
    return [one for one in server.volumes if one.source not in MADE]


def anew(server: Instance) -> list[RequestedVolume]:
    """Its volumes for another attempt at its boot: each is attached by a new id, so that nobody frees it for the last attempt."""
    return [msgspec.structs.replace(one, attachment_id=str(uuid4())) for one in server.volumes]


async def clear(remote: Remote, operation: Operation, server: Instance, fence: Fence) -> None:
    """The volume is free; one that the host could not detach is in use as before."""
    if operation.kind == DETACH and UNDO in operation.data:
        await fence()
        await remote.keep_volume(operation.data["volume_id"])
    else:
        await remote.clear_attachment(operation.data["attachment_id"])


async def forget(tx: Transaction, operation: Operation, server: Instance) -> None:
    """The operation is over, and the server has no volume that is free."""
    failed, gone = operation.data.get(UNDO), operation.data["attachment_id"]
    rest = [one for one in server.volumes if one.attachment_id != gone]
    if failed is None:
        await store.succeed(tx, operation, volumes=rest)
        return
    verb = "attach" if operation.kind == ATTACH else "detach"
    fault = Fault(
        code=failed["status"],
        message=f"Failed to {verb} the volume {operation.data['volume_id']}: {failed['reason']}",
        created=now_us(),
        host=server.host,
        details=failed["reason"],
    )
    await store.fail(tx, operation, fault, volumes=rest if operation.kind == ATTACH else server.volumes)
