"""Snapshots: list, show, create, update, delete, metadata, actions."""

from typing import Any

from tinstack.core.http import Request
from tinstack.volume import store, views
from tinstack.volume import tables as t
from tinstack.volume.errors import Invalid, NoSuchSnapshot
from tinstack.volume.handlers import lists
from tinstack.volume.handlers.actions import flag
from tinstack.volume.handlers.volumes import item
from tinstack.volume.parts import Parts
from tinstack.volume.rows import Snapshot

SORTABLE = {"id", "name", "status", "created_at", "updated_at", "volume_id", "size"}
STATUSES = {"available", "error", "creating", "deleting", "error_deleting"}
_FILTERS = {"name", "status", "volume_id", "id"}
_ADMIN = "volume_extension:snapshot_admin_actions:"


async def _rows(request: Request, parts: Parts) -> tuple[list[Snapshot], dict[str, Any]]:
    wanted = lists.wanted(request, SORTABLE)
    for name, text in dict(request.query.pairs).items():
        key = {"display_name": "name"}.get(name, name)
        if key in _FILTERS:
            wanted.conditions.append(t.snapshots.c[key] == text)
    marker = request.query.get("marker")
    if marker is not None:
        wanted.after = await parts.database.one(store.SNAPSHOT, Snapshot, key=marker)
        if wanted.after is None:
            raise NoSuchSnapshot(id=marker)
    rows = await store.snapshots(parts.database, wanted) if wanted.limit else []
    extra: dict[str, Any] = {}
    if request.at_least(3, 45) and request.query.boolean("with_count", False):
        extra["count"] = await store.count(parts.database, t.snapshots, wanted)
    return rows, extra


async def index(request: Request, parts: Parts) -> views.Body:
    """The short list."""
    rows, extra = await _rows(request, parts)
    return {
        "snapshots": [views.snapshot(request, row) for row in rows],
        **lists.pages(request, rows, "/snapshots"),
        **extra,
    }


async def detail(request: Request, parts: Parts) -> views.Body:
    """The long list."""
    rows, extra = await _rows(request, parts)
    shown = [views.snapshot(request, row, detail=True) for row in rows]
    return {"snapshots": shown, **lists.pages(request, rows, "/snapshots/detail"), **extra}


async def show(request: Request, parts: Parts) -> views.Body:
    """One snapshot."""
    return {"snapshot": views.snapshot(request, await parts.snapshot(request, "volume:get_snapshot"), detail=True)}


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name, body.get(f"display_{name}"))
    return value.strip() if isinstance(value, str) else None


async def create(request: Request, parts: Parts) -> views.Body:
    """Begin to take a snapshot; of a volume in use with ``force`` (from 3.66 always)."""
    body = request.body["snapshot"]
    force = flag(body.get("force") or False)
    if request.at_least(3, 66):
        if "force" in body and not force:
            raise Invalid("The force flag can't be false from microversion 3.66 on.")
        force = True
    volume = await parts.volumes.get(request.context, body["volume_id"])
    request.authorize("volume:create_snapshot", {"project_id": volume.project_id})
    wanted = {"name": _text(body, "name"), "description": _text(body, "description"), "metadata": body.get("metadata")}
    return {"snapshot": views.snapshot(request, await parts.snapshots.create(request.context, volume, wanted, force))}


async def update(request: Request, parts: Parts) -> views.Body:
    """Name and description."""
    row = await parts.snapshot(request, "volume:update_snapshot")
    body = request.body["snapshot"]
    changed = {name: _text(body, name) for name in ("name", "description") if name in body or f"display_{name}" in body}
    if not changed:
        raise Invalid("The update names nothing to change.")
    await parts.snapshots.put(row, **changed)
    return {"snapshot": views.snapshot(request, await parts.snapshots.get(request.context, row.id))}


async def delete(request: Request, parts: Parts) -> None:
    """Begin to delete."""
    await parts.snapshots.delete(await parts.snapshot(request, "volume:delete_snapshot"))


async def force_delete(request: Request, parts: Parts) -> None:
    """In whatever status."""
    await parts.snapshots.delete(await parts.snapshot(request, f"{_ADMIN}force_delete"), force=True)


async def reset_status(request: Request, parts: Parts) -> None:
    """What an admin says it is."""
    row = await parts.snapshot(request, f"{_ADMIN}reset_status")
    status = request.body["os-reset_status"]["status"].lower()
    if status not in STATUSES:
        raise Invalid(f"Must specify a valid status: '{status}' is none.")
    await parts.snapshots.put(row, status=status)


async def update_status(request: Request, parts: Parts) -> None:
    """What the taker of the snapshot reports."""
    row = await parts.snapshot(request, "snapshot_extension:snapshot_actions:update_snapshot_status")
    body = request.body["os-update_snapshot_status"]
    allowed = {"creating": {"creating", "available", "error"}, "deleting": {"deleting", "error_deleting"}}
    if row.status not in allowed:
        raise Invalid(f"Snapshot status {row.status} not allowed for update_snapshot_status")
    if body["status"] not in allowed[row.status]:
        raise Invalid(f"Provided snapshot status {body['status']} not allowed for snapshot with status {row.status}.")
    progress = body.get("progress")
    if progress and not (progress.endswith("%") and progress[:-1].isdecimal()):
        raise Invalid("progress must be an integer percentage")
    await parts.snapshots.put(row, status=body["status"], progress=progress or row.progress)


async def metadata(request: Request, parts: Parts) -> views.Body:
    """All metadata."""
    return {"metadata": (await parts.snapshot(request, "volume:get_snapshot_metadata")).metadata}


async def add_metadata(request: Request, parts: Parts) -> views.Body:
    """Add or change some."""
    row = await parts.snapshot(request, "volume:update_snapshot_metadata")
    found = {**row.metadata, **request.body["metadata"]}
    await parts.snapshots.put(row, metadata=found)
    return {"metadata": found}


async def set_metadata(request: Request, parts: Parts) -> views.Body:
    """Replace all."""
    row = await parts.snapshot(request, "volume:update_snapshot_metadata")
    await parts.snapshots.put(row, metadata=request.body["metadata"])
    return {"metadata": request.body["metadata"]}


async def meta(request: Request, parts: Parts) -> views.Body:
    """One of them."""
    found = (await parts.snapshot(request, "volume:get_snapshot_metadata")).metadata
    return {"meta": {request.path["key"]: item(found, request.path["key"])}}


async def set_meta(request: Request, parts: Parts) -> views.Body:
    """Set one."""
    row = await parts.snapshot(request, "volume:update_snapshot_metadata")
    body = request.body["meta"]
    if list(body) != [request.path["key"]]:
        raise Invalid("Request body and URI mismatch")
    await parts.snapshots.put(row, metadata={**row.metadata, **body})
    return {"meta": body}


async def delete_meta(request: Request, parts: Parts) -> None:
    """Remove one."""
    row = await parts.snapshot(request, "volume:delete_snapshot_metadata")
    item(row.metadata, request.path["key"])
    await parts.snapshots.put(row, metadata={k: v for k, v in row.metadata.items() if k != request.path["key"]})
