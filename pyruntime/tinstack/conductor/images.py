"""Images made of servers: what is deleted when it failed, and which backups are too many."""

from tinstack.computedb import store
from tinstack.computedb.kinds import KINDS
from tinstack.computedb.rows import Fault, Instance
from tinstack.conductor.claims import Fence
from tinstack.conductor.interfaces import UNDO
from tinstack.conductor.remote import Remote
from tinstack.core.clock import now_us
from tinstack.core.db import Transaction
from tinstack.core.operations import Operation

CREATE, BACKUP = "create_image", "create_backup"
"""Kinds of operation. Their ``data``: ``image_id``; of a backup ``backup_type`` and ``rotation`` too."""


async def clear(remote: Remote, operation: Operation, server: Instance, fence: Fence) -> None:
    """An image that could not be made is gone; of backups the newest stay."""
    if UNDO in operation.data:
        await remote.clear_image(operation.data["image_id"])
    elif operation.kind == BACKUP:
        found = await remote.backups(server.id, operation.data["backup_type"])
        for id in found[operation.data["rotation"] :]:
            await remote.clear_image(id)


async def forget(tx: Transaction, operation: Operation, server: Instance) -> None:
    """The operation is over; the server is as it was."""
    failed = operation.data.get(UNDO)
    if failed is None:
        await store.succeed(tx, operation)
        return
    verb = KINDS[operation.kind].verb
    fault = Fault(
        code=failed["status"],
        message=f"The operation {verb} failed on host {server.host}: {failed['reason']}",
        created=now_us(),
        host=server.host,
        details=failed["reason"],
    )
    await store.fail(tx, operation, fault)
