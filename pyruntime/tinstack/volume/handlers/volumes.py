"""Volumes: list, show, create, update, delete, metadata."""

from typing import Any

from sqlalchemy import func

from tinstack.core.http import Request
from tinstack.volume import store, views
from tinstack.volume import tables as t
from tinstack.volume.errors import Invalid, NoSuchVolume
from tinstack.volume.handlers import lists
from tinstack.volume.parts import Parts
from tinstack.volume.rows import Volume
from tinstack.volume.volumes import NewVolume

SORTABLE = {
    "id",
    "name",
    "size",
    "status",
    "created_at",
    "updated_at",
    "availability_zone",
    "bootable",
    "volume_type_id",
}
_FILTERS = {
    "name",
    "status",
    "size",
    "availability_zone",
    "volume_type_id",
    "snapshot_id",
    "source_volid",
    "image_id",
    "user_id",
    "id",
}
_PATTERN = ("name~", "status~", "description~")


def _wanted(request: Request) -> store.Wanted:
    found = lists.wanted(request, SORTABLE)
    query = request.query
    for name, text in dict(query.pairs).items():
        key = {"display_name": "name", "type_id": "volume_type_id"}.get(name, name)
        if key in _FILTERS:
            found.conditions.append(t.volumes.c[key] == text)
        elif key == "bootable":
            found.conditions.append(t.volumes.c.bootable == int(query.boolean("bootable") or False))
        elif key == "multiattach":
            found.conditions.append(t.volumes.c.multiattach == int(query.boolean("multiattach") or False))
        elif key in _PATTERN and request.at_least(3, 31):
            found.conditions.append(func.instr(t.volumes.c[key[:-1]], text) > 0)
        elif key == "host":
            found.conditions.append(t.volumes.c.backend == text.partition("@")[2].partition("#")[0])
    return found


async def _rows(request: Request, parts: Parts) -> tuple[list[Volume], dict[str, Any]]:
    wanted = _wanted(request)
    marker = request.query.get("marker")
    if marker is not None:
        wanted.after = await parts.database.one(store.VOLUME, Volume, key=marker)
        if wanted.after is None:
            raise NoSuchVolume(id=marker)
    rows = await store.volumes(parts.database, wanted) if wanted.limit else []
    extra: dict[str, Any] = {}
    if request.at_least(3, 45) and request.query.boolean("with_count", False):
        extra["count"] = await store.count(parts.database, t.volumes, wanted)
    return rows, extra


async def index(request: Request, parts: Parts) -> views.Body:
    """The short list."""
    rows, extra = await _rows(request, parts)
    links = lists.pages(request, rows, "/volumes")
    return {"volumes": [views.volume_summary(request, row) for row in rows], **links, **extra}


async def detail(request: Request, parts: Parts) -> views.Body:
    """The long list."""
    rows, extra = await _rows(request, parts)
    types = await store.types(parts.database)
    attachments = await store.attachments_of(parts.database, [row.id for row in rows])
    host = parts.config.host
    shown = [views.volume_detail(request, row, types, attachments[row.id], host) for row in rows]
    return {"volumes": shown, **lists.pages(request, rows, "/volumes/detail"), **extra}


async def summary(request: Request, parts: Parts) -> views.Body:
    """Number and size of volumes (3.12), their metadata (3.36)."""
    wanted = _wanted(request)
    wanted.limit = 2**31 - 1
    rows = await store.volumes(parts.database, wanted)
    shown: views.Body = {"total_size": sum(row.size for row in rows), "total_count": len(rows)}
    if request.at_least(3, 36):
        found: dict[str, list[str]] = {}
        for row in rows:
            for name, value in row.metadata.items():
                if value not in found.setdefault(name, []):
                    found[name].append(value)
        shown["metadata"] = found
    return {"volume-summary": shown}


async def show(request: Request, parts: Parts) -> views.Body:
    """One volume."""
    row = await parts.volume(request, "volume:get")
    types = await store.types(parts.database)
    attachments = await store.attachments_of(parts.database, [row.id])
    return {"volume": views.volume_detail(request, row, types, attachments[row.id], parts.config.host)}


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name, body.get(f"display_{name}"))
    return value.strip() if isinstance(value, str) else None


async def create(request: Request, parts: Parts) -> views.Body:
    """Begin to create a volume."""
    body = request.body["volume"]
    size = body.get("size")
    if size is None and not any(body.get(key) for key in ("snapshot_id", "source_volid")):
        raise Invalid("The size of the volume (GiB) is missing.")
    wanted = NewVolume(
        size=int(size) if size is not None else None,
        name=_text(body, "name"),
        description=_text(body, "description"),
        metadata=body.get("metadata") or {},
        availability_zone=body.get("availability_zone"),
        volume_type=body.get("volume_type") or None,
        snapshot_id=body.get("snapshot_id"),
        source_volid=body.get("source_volid"),
        image_id=body.get("imageRef") or body.get("image_id"),
    )
    if request.context.is_service:
        wanted.id, wanted.project_id, wanted.user_id = (body.get(key) for key in ("id", "project_id", "user_id"))
    row = await parts.volumes.create(request.context, wanted)
    return {"volume": views.volume(request, row, await store.types(parts.database), [], parts.config.host)}


async def update(request: Request, parts: Parts) -> views.Body:
    """Name, description, metadata."""
    row = await parts.volume(request, "volume:update")
    body = request.body["volume"]
    if not body:
        raise Invalid("The update names nothing to change.")
    changed: dict[str, Any] = {}
    for name in ("name", "description"):
        if name in body or f"display_{name}" in body:
            changed[name] = _text(body, name)
    if body.get("metadata") is not None:
        changed["metadata"] = body["metadata"]
    await parts.volumes.put(row, **changed)
    row = await parts.volumes.get(request.context, row.id)
    attachments = await store.attachments_of(parts.database, [row.id])
    types = await store.types(parts.database)
    return {"volume": views.volume(request, row, types, attachments[row.id], parts.config.host)}


async def delete(request: Request, parts: Parts) -> None:
    """Begin to delete; ``cascade`` with its snapshots, ``force`` (3.23) for admins."""
    row = await parts.volume(request, "volume:delete")
    force = request.at_least(3, 23) and bool(request.query.boolean("force", False))
    if force:
        request.authorize("volume_extension:volume_admin_actions:force_delete")
    await parts.volumes.delete(row, cascade=bool(request.query.boolean("cascade", False)), force=force)


# --- metadata -----------------------------------------------------------------------------------


async def metadata(request: Request, parts: Parts) -> views.Body:
    """All metadata."""
    return {"metadata": (await parts.volume(request, "volume:get_volume_metadata")).metadata}


async def add_metadata(request: Request, parts: Parts) -> views.Body:
    """Add or change some."""
    row = await parts.volume(request, "volume:create_volume_metadata")
    found = {**row.metadata, **request.body["metadata"]}
    await parts.volumes.put(row, metadata=found)
    return {"metadata": found}


async def set_metadata(request: Request, parts: Parts) -> views.Body:
    """Replace all."""
    row = await parts.volume(request, "volume:update_volume_metadata")
    await parts.volumes.put(row, metadata=request.body["metadata"])
    return {"metadata": request.body["metadata"]}


async def meta(request: Request, parts: Parts) -> views.Body:
    """One of them."""
    found = (await parts.volume(request, "volume:get_volume_metadata")).metadata
    return {"meta": {request.path["key"]: item(found, request.path["key"])}}


async def set_meta(request: Request, parts: Parts) -> views.Body:
    """Set one."""
    row = await parts.volume(request, "volume:update_volume_metadata")
    body = request.body["meta"]
    if list(body) != [request.path["key"]]:
        raise Invalid("Request body and URI mismatch")
    await parts.volumes.put(row, metadata={**row.metadata, **body})
    return {"meta": body}


async def delete_meta(request: Request, parts: Parts) -> None:
    """Remove one."""
    row = await parts.volume(request, "volume:delete_volume_metadata")
    item(row.metadata, request.path["key"])
    await parts.volumes.put(row, metadata={k: v for k, v in row.metadata.items() if k != request.path["key"]})


class NoSuchMeta(NoSuchVolume):
    message = "Metadata item was not found: {key}."


def item(found: dict[str, str], key: str) -> str:
    """The value of a key. Raises NoSuchMeta."""
    if key not in found:
        raise NoSuchMeta(key=key)
    return found[key]
