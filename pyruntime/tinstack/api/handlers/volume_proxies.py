"""Volumes and snapshots up to 2.35. Source: compute API reference, "Volumes (os-volumes, os-snapshots) (DEPRECATED)"."""

from typing import Any

from tinstack.api.parts import Compute
from tinstack.api.proxy import through
from tinstack.api.schemas.words import is_uuid, truth
from tinstack.api.views import Body
from tinstack.core.errors import NotFound
from tinstack.core.http import Request, page_of


async def _ask(request: Request, service: Compute, method: str, path: str, json: Any = None) -> Any:
    answer = await through(service, request.context, method, "block-storage", path, json=json)
    return answer.json() if answer.data else None


def _path(request: Request, kind: str) -> str:
    id = request.path["id"]
    if not is_uuid(id):
        raise NotFound(f"{kind.removesuffix('s').capitalize()} {id} could not be found.")
    return f"/{kind}/{id}"


def _part(request: Request, service: Compute, rows: list[Body]) -> list[Body]:
    """``limit`` and ``offset``."""
    offset = request.query.integer("offset") or 0
    return rows[offset : offset + page_of(request, service.config.page_limit).limit]


def _volume(row: Body) -> Body:
    attached = [
        {"id": row["id"], "volumeId": row["id"], "serverId": one["server_id"], "device": one.get("device") or ""}
        for one in row["attachments"]
    ]
    return {
        "id": row["id"],
        "status": row["status"],
        "size": row["size"],
        "availabilityZone": row["availability_zone"],
        "createdAt": row["created_at"],
        "displayName": row["name"],
        "displayDescription": row["description"],
        "volumeType": row["volume_type"],
        "snapshotId": row["snapshot_id"],
        "metadata": row["metadata"],
        "attachments": attached or [{}],
    }


def _snapshot(row: Body) -> Body:
    return {
        "id": row["id"],
        "status": row["status"],
        "size": row["size"],
        "createdAt": row["created_at"],
        "displayName": row["name"],
        "displayDescription": row["description"],
        "volumeId": row["volume_id"],
    }


async def index(request: Request, service: Compute) -> Body:
    """``GET /os-volumes`` and ``GET /os-volumes/detail``."""
    rows = (await _ask(request, service, "GET", "/volumes/detail"))["volumes"]
    return {"volumes": [_volume(row) for row in _part(request, service, rows)]}


async def show(request: Request, service: Compute) -> Body:
    """``GET /os-volumes/{id}``."""
    return {"volume": _volume((await _ask(request, service, "GET", _path(request, "volumes")))["volume"])}


async def create(request: Request, service: Compute) -> Body:
    """``POST /os-volumes``."""
    wanted = request.body["volume"]
    body = {
        key: wanted[key] for key in ("volume_type", "snapshot_id", "metadata", "availability_zone") if key in wanted
    }
    body |= {"name": wanted.get("display_name"), "description": wanted.get("display_description")}
    made = await _ask(request, service, "POST", "/volumes", {"volume": {**body, "size": int(wanted["size"])}})
    return {"volume": _volume(made["volume"])}


async def delete(request: Request, service: Compute) -> None:
    """``DELETE /os-volumes/{id}``."""
    await _ask(request, service, "DELETE", _path(request, "volumes"))


async def snapshot_index(request: Request, service: Compute) -> Body:
    """``GET /os-snapshots`` and ``GET /os-snapshots/detail``."""
    rows = (await _ask(request, service, "GET", "/snapshots/detail"))["snapshots"]
    return {"snapshots": [_snapshot(row) for row in _part(request, service, rows)]}


async def snapshot_show(request: Request, service: Compute) -> Body:
    """``GET /os-snapshots/{id}``."""
    return {"snapshot": _snapshot((await _ask(request, service, "GET", _path(request, "snapshots")))["snapshot"])}


async def snapshot_create(request: Request, service: Compute) -> Body:
    """``POST /os-snapshots``."""
    wanted = request.body["snapshot"]
    body = {
        "volume_id": wanted["volume_id"],
        "name": wanted.get("display_name"),
        "description": wanted.get("display_description"),
        "force": truth(wanted.get("force", False)),
    }
    return {"snapshot": _snapshot((await _ask(request, service, "POST", "/snapshots", {"snapshot": body}))["snapshot"])}


async def snapshot_delete(request: Request, service: Compute) -> None:
    """``DELETE /os-snapshots/{id}``."""
    await _ask(request, service, "DELETE", _path(request, "snapshots"))
