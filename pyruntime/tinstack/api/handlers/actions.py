"""Actions on servers. Source: compute API reference, "Servers - run an action" and "Servers - run an administrative action"."""

from tinstack.api import networks
from tinstack.api.errors import Invalid
from tinstack.api.handlers.servers import visible
from tinstack.api.operations import check_unlocked, note, operate, reset_state
from tinstack.api.parts import Compute
from tinstack.api.views import Body
from tinstack.compute import rpc
from tinstack.computedb import details
from tinstack.computedb.rows import Instance
from tinstack.core.bus import RemoteFailure
from tinstack.core.clock import now_us
from tinstack.core.errors import Conflict, NotFound, NotImplementedHere
from tinstack.core.http import Request


async def delete(request: Request, service: Compute) -> None:
    """``DELETE /servers/{id}``."""
    await operate(service, request, await visible(request, service, "servers:delete"), "delete")


async def force_delete(request: Request, service: Compute) -> None:
    """``forceDelete``: servers are not kept after a delete, so it is the same."""
    await operate(service, request, await visible(request, service, "os-deferred-delete:force"), "delete")


async def restore(request: Request, service: Compute) -> None:
    """``restore``: there are no soft-deleted servers."""
    row = await visible(request, service, "os-deferred-delete:restore")
    raise Conflict(f"Cannot 'restore' instance {row.id} while it is in vm_state {row.vm_state}")


async def start(request: Request, service: Compute) -> None:
    """``os-start``."""
    await operate(service, request, await visible(request, service, "servers:start"), "start")


async def stop(request: Request, service: Compute) -> None:
    """``os-stop``."""
    await operate(service, request, await visible(request, service, "servers:stop"), "stop")


async def reboot(request: Request, service: Compute) -> None:
    """``reboot``: soft asks the guest, hard does not."""
    row = await visible(request, service, "servers:reboot")
    hard = request.body["reboot"]["type"].upper() == "HARD"
    await operate(service, request, row, "reboot_hard" if hard else "reboot")


async def pause(request: Request, service: Compute) -> None:
    """``pause``."""
    await operate(service, request, await visible(request, service, "os-pause-server:pause"), "pause")


async def unpause(request: Request, service: Compute) -> None:
    """``unpause``."""
    await operate(service, request, await visible(request, service, "os-pause-server:unpause"), "unpause")


async def suspend(request: Request, service: Compute) -> None:
    """``suspend``."""
    await operate(service, request, await visible(request, service, "os-suspend-server:suspend"), "suspend")


async def resume(request: Request, service: Compute) -> None:
    """``resume``."""
    await operate(service, request, await visible(request, service, "os-suspend-server:resume"), "resume")


async def lock(request: Request, service: Compute) -> None:
    """``lock``: a lock of admin's is not weakened by the owner's."""
    row = await visible(request, service, "os-lock-server:lock")
    owner = row.project_id == request.context.project_id
    if row.locked_by is not None and owner:
        return
    reason = (request.body["lock"] or {}).get("locked_reason") if request.at_least(2, 73) else None
    columns = {"locked_by": "owner" if owner else "admin", "locked_reason": reason}
    await details.set_columns(service.db, row.id, now_us(), **columns)
    await note(service, request, row, "lock")


async def unlock(request: Request, service: Compute) -> None:
    """``unlock``: what admin locked, admin unlocks."""
    row = await visible(request, service, "os-lock-server:unlock")
    owner = row.project_id == request.context.project_id
    if row.locked_by is not None and row.locked_by != ("owner" if owner else "admin"):
        request.authorize("os_compute_api:os-lock-server:unlock:unlock_override", {"project_id": row.project_id})
    await details.set_columns(service.db, row.id, now_us(), locked_by=None, locked_reason=None)
    await note(service, request, row, "unlock")


async def reset(request: Request, service: Compute) -> None:
    """``os-resetState``."""
    row = await visible(request, service, "os-admin-actions:reset_state")
    await reset_state(service, request, row, request.body["os-resetState"]["state"])


def _host_of(row: Instance) -> str:
    if row.host is None:
        raise Conflict(f"Instance {row.id} is not ready")
    return row.host


async def console_output(request: Request, service: Compute) -> Body:
    """``os-getConsoleOutput``: the last ``length`` lines; all that is kept without one, or with -1.

    As in Nova what follows the last line's end counts as a line too.
    """
    row = await visible(request, service, "os-console-output")
    given = (request.body["os-getConsoleOutput"] or {}).get("length")
    length = None if given is None or int(given) < 0 else int(given)
    message = rpc.GetConsoleOutput(server_id=row.id, length=length)
    try:
        answer = await service.bus.call(rpc.topic(_host_of(row)), message, rpc.ConsoleOutput)
    except RemoteFailure as error:
        raise _as_said(error, row) from error
    if length is None:
        return {"output": answer.output}
    return {"output": "\n".join(answer.output.split("\n")[-length:]) if length else ""}


async def diagnostics(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/diagnostics``: of a running or paused server."""
    row = await visible(request, service, "os-server-diagnostics")
    if row.vm_state not in ("active", "rescued", "paused", "suspended", "stopped"):
        raise Conflict(f"Cannot 'get_diagnostics' instance {row.id} while it is in vm_state {row.vm_state}")
    message = rpc.GetDiagnostics(server_id=row.id)
    try:
        answer = await service.bus.call(rpc.topic(_host_of(row)), message, rpc.Diagnostics)
    except RemoteFailure as error:
        raise _as_said(error, row) from error
    return answer.diagnostics


def _as_said(error: RemoteFailure, row: Instance) -> Exception:
    if error.remote_status == 404:
        return NotFound(f"The guest of instance {row.id} is not there: {error.text}")
    if error.remote_status == 501:
        return NotImplementedHere(error.text)
    return error


async def add_group(request: Request, service: Compute) -> None:
    """``addSecurityGroup``: to every port of the server."""
    await _change_group(request, service, "addSecurityGroup", add=True)


async def remove_group(request: Request, service: Compute) -> None:
    """``removeSecurityGroup``."""
    await _change_group(request, service, "removeSecurityGroup", add=False)


async def _change_group(request: Request, service: Compute, action: str, *, add: bool) -> None:
    row = await visible(request, service, f"os-security-groups:{'add' if add else 'remove'}")
    name = request.body[action]["name"]
    if not name.strip():
        raise Invalid("Security group name cannot be empty")
    known = await networks.change_group(service, request.context, row, name, add=add)

    def change(before: list[str]) -> list[str]:
        rest = [one for one in before if one != known]
        return [*rest, known] if add else rest

    await details.swap(service.db, row.id, "security_groups", change, now_us())


async def change_password(request: Request, service: Compute) -> None:
    """``changePassword``: only an agent in the guest could, and hosts talk with none."""
    row = await visible(request, service, "os-admin-password")
    check_unlocked(request, row)
    if row.vm_state != "active" or row.task_state is not None:
        where = ("vm_state", row.vm_state) if row.vm_state != "active" else ("task_state", row.task_state)
        raise Conflict(f"Cannot 'changePassword' instance {row.id} while it is in {where[0]} {where[1]}")
    raise Conflict(f"Failed to set admin password on {row.id}: QEMU guest agent is not enabled")


async def missing(request: Request, service: Compute) -> None:
    """An action of the reference that no host does yet."""
    row = await visible(request, service, "servers:show")
    check_unlocked(request, row)
    raise NotImplementedHere


MISSING: dict[str | None, str] = {
    None: """
        confirmResize evacuate migrate os-migrateLive resize
        revertResize shelve shelveOffload trigger_crash_dump unshelve
    """,
}
"""Answered with 501; by the last microversion that has them."""
