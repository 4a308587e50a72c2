"""Ports of servers that are there: how attaching one is undone, and detaching one is ended."""

from uuid import uuid4

import msgspec

from tinstack.computedb import store
from tinstack.computedb.rows import Fault, Instance
from tinstack.conductor.claims import Fence
from tinstack.conductor.remote import Remote
from tinstack.conductor.rpc import RequestedPort
from tinstack.core.clock import now_us
from tinstack.core.db import Transaction
from tinstack.core.operations import Operation

UNDO, CLEARED = "undo", "cleared"
"""Keys of an operation's ``data``: what failed is being undone; the host is done, the rest is the conductor's."""

ATTACH, DETACH = "attach_interface", "detach_interface"
"""Kinds of operation."""


def port_of(operation: Operation) -> str:
    """The port that it is about."""
    return str(operation.data["port_id"])


def note_refusal(operation: Operation, reason: str, status: int) -> None:
    """Write into the operation that it failed, and with which status; from now on it is undone."""
    operation.data[UNDO] = {"reason": reason, "status": status}


def anew(server: Instance) -> list[RequestedPort]:
    """Its ports for another attempt at its boot: what is made anew gets a new id, so that nobody removes it for the last attempt."""
    return [msgspec.structs.replace(port, id=str(uuid4())) if port.ours else port for port in server.ports]


async def clear(remote: Remote, operation: Operation, server: Instance, fence: Fence) -> None:
    """The host has a port plugged in no more (or never had): it is gone, or free where it was given."""
    await remote.clear_port(server, port_of(operation), fence)


async def forget(tx: Transaction, operation: Operation, server: Instance) -> None:
    """The port is gone or free: the server has it no more, and the operation is over."""
    port_id = port_of(operation)
    changes = {
        "ports": [port for port in server.ports if port.id != port_id],
        "network_info": [one for one in server.network_info if one.port_id != port_id],
    }
    failed = operation.data.get(UNDO)
    if failed is None:
        await store.succeed(tx, operation, **changes)
        return
    fault = Fault(
        code=failed["status"],
        message=f"Failed to attach the port {port_id}: {failed['reason']}",
        created=now_us(),
        host=server.host,
        details=failed["reason"],
    )
    await store.fail(tx, operation, fault, **changes)
