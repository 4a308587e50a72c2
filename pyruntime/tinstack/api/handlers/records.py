"""What happened to a server: instance actions with the flow's steps as events, and the boot trace itself.

Source: compute API reference, "Servers actions (servers, os-instance-actions)"; the trace is an extension of ours.
"""

from tinstack.api.errors import Invalid
from tinstack.api.parts import Compute
from tinstack.api.views import API, Body
from tinstack.api.views.servers import host_id
from tinstack.computedb import actions as store
from tinstack.computedb import instances
from tinstack.computedb.actions import Action, Event
from tinstack.computedb.instances import ServerNotFound
from tinstack.computedb.rows import Instance
from tinstack.computedb.store import OPERATIONS
from tinstack.core.clock import iso_us, parse_iso
from tinstack.core.db import Transaction
from tinstack.core.errors import NotFound
from tinstack.core.http import Request, page_of
from tinstack.core.http.paging import next_link
from tinstack.core.operations import FAILED as FAILED_OPERATION
from tinstack.core.operations import RUNNING, Operation
from tinstack.core.trace import FAILED, STEPS

BEFORE = (1, 2)
"""Steps that know no server: joined by the token's audit id."""


_NAMES = {kind: f"{kind}_instance" for kind in ("start", "stop", "reboot", "pause", "unpause", "suspend", "resume")} | {
    "delete": "terminate_instance",
    "reboot_hard": "reboot_instance",
    "start_again": "start_instance",
    "rebuild": "rebuild_instance",
    "rescue": "rescue_instance",
    "unrescue": "unrescue_instance",
    "create_image": "snapshot_instance",
    "create_backup": "backup_instance",
}
"""Kind of operation → the name of what a host does for it, where it is another."""


class ActionNotFound(NotFound):
    """404: the request did nothing to that server."""

    code, message = "compute.action.not_found", "Action for request_id {id} on instance {server} not found"


async def _visible(request: Request, service: Compute, rule: str, *, deleted: bool) -> Instance:
    """The server, from 2.21 on also one that is gone."""
    id = request.path["server_id"]
    row = await instances.get(service.db, id, deleted=deleted)
    if row is None or request.visible_project() not in (None, row.project_id):
        request.authorized = True
        raise ServerNotFound(id=id)
    request.authorize(rule, {"project_id": row.project_id, "user_id": row.user_id})
    return row


def _shown(action: Action, request: Request) -> Body:
    shown: Body = {
        "action": action.action,
        "instance_uuid": action.instance_id,
        "request_id": action.request_id,
        "user_id": action.user_id or "",
        "project_id": action.project_id or "",
        "start_time": iso_us(action.started_at),
        "message": action.message,
    }
    if request.at_least(2, 58):
        shown["updated_at"] = iso_us(action.updated_at)
    return shown


def _bound(request: Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        return parse_iso(text)
    except ValueError as error:
        raise Invalid(f"Invalid {name}: '{text}' is not a time as 2026-01-31T10:00:00Z.") from error


async def index(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/os-instance-actions``: newest first; pages from 2.58."""
    rule = "os_compute_api:os-instance-actions:list"
    row = await _visible(request, service, rule, deleted=request.at_least(2, 21))
    rows = await store.of_server(service.db, row.id)
    if not request.at_least(2, 58):
        return {"instanceActions": [_shown(action, request) for action in rows]}
    since = _bound(request, "changes-since")
    before = _bound(request, "changes-before") if request.at_least(2, 66) else None
    if since is not None and before is not None and since > before:
        raise Invalid("The value of changes-since must be less than or equal to changes-before.")
    rows = [
        action
        for action in rows
        if (since is None or action.updated_at >= since) and (before is None or action.updated_at <= before)
    ]
    page = page_of(request, service.config.page_limit)
    if page.marker is not None:
        ids = [action.request_id for action in rows]
        if page.marker not in ids:
            raise Invalid(f"marker [{page.marker}] not found")
        rows = rows[ids.index(page.marker) + 1 :]
    rows = rows[: page.limit]
    body: Body = {"instanceActions": [_shown(action, request) for action in rows]}
    path = f"{API}/servers/{row.id}/os-instance-actions"
    more = next_link(request, path, rows, page, lambda action: str(action.request_id))
    return body | ({"links": more} if more else {})


async def show(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/os-instance-actions/{request_id}``."""
    rule = "os_compute_api:os-instance-actions:show"
    row = await _visible(request, service, rule, deleted=request.at_least(2, 21))
    id = request.path["request_id"]
    action = await store.get(service.db, row.id, id)
    if action is None:
        raise ActionNotFound(id=id, server=row.id)
    shown = _shown(action, request)
    whole = request.may("os_compute_api:os-instance-actions:events", {"project_id": row.project_id})
    if whole or request.at_least(2, 51):
        details = request.may("os_compute_api:os-instance-actions:events:details", {"project_id": row.project_id})
        if action.action == "create":
            events = await _events(service, row, action)
            shown["events"] = [_event(event, row, request, whole=whole, details=details) for event in events]
        else:
            shown["events"] = await _on_host(service, row, action, request, whole=whole, details=details)
    return {"instanceAction": shown}


async def _events(service: Compute, row: Instance, action: Action) -> list[Event]:
    events = await store.events(service.db, action)
    if action.action != "create" or row.audit_id is None:
        return events
    trace = await store.trace(service.db, row.id, row.audit_id)
    known = {event.number for event in events}
    return [event for event in trace if event.step in BEFORE and event.number not in known] + events


def _event(event: Event, row: Instance, request: Request, *, whole: bool, details: bool) -> Body:
    failed = event.outcome == FAILED
    words = STEPS.get(event.step, "step").replace(" ", "_")
    shown: Body = {
        "event": f"{event.service}_step_{event.step:02d}_{words}",
        "start_time": iso_us(event.start),
        "finish_time": iso_us(event.start + event.duration),
        "result": "Error" if failed else "Success",
        "traceback": event.message if failed and whole else None,
    }
    if request.at_least(2, 62):
        shown["hostId"] = host_id(row.project_id, event.host)
        if whole:
            shown["host"] = event.host
    if request.at_least(2, 84):
        shown["details"] = event.message if failed and details else None
    return shown


async def _on_host(
    service: Compute, row: Instance, action: Action, request: Request, *, whole: bool, details: bool
) -> list[Body]:
    """What the host did for an action, by Nova's name; none for an action that was over as soon as it was asked."""
    id = action.operation_id
    if id is None:
        return []

    async def work(tx: Transaction) -> Operation | None:
        return await OPERATIONS.get(tx, id)

    operation = await service.db.transact(work)
    if operation is None:
        return []
    over, failed = operation.state != RUNNING, operation.state == FAILED_OPERATION
    words = str((operation.error or {}).get("message") or "") or None
    shown: Body = {
        "event": f"compute_{_NAMES.get(operation.kind, operation.kind)}",
        "start_time": iso_us(operation.created_at),
        "finish_time": iso_us(operation.updated_at) if over else None,
        "result": None if not over else "Error" if failed else "Success",
        "traceback": words if failed and whole else None,
    }
    if request.at_least(2, 62):
        shown["hostId"] = host_id(row.project_id, row.host)
        if whole:
            shown["host"] = row.host
    if request.at_least(2, 84):
        shown["details"] = words if failed and details else None
    return [shown]


async def trace(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/tinstack-trace``: the 29 steps as they happened."""
    row = await _visible(request, service, "tinstack:servers:trace", deleted=True)
    events = await store.trace(service.db, row.id, row.audit_id)
    own = [event for event in events if event.instance_id == row.id or event.step in BEFORE]
    return {
        "trace": [
            {
                "step": event.step,
                "name": STEPS.get(event.step, "step"),
                "service": event.service,
                "host": event.host,
                "start": iso_us(event.start) + "Z",
                "duration_ms": event.duration / 1000,
                "outcome": event.outcome,
                "message": event.message,
            }
            for event in sorted(own, key=lambda event: (event.start, event.step))
        ]
    }
