"""Transfers: list, show, offer, withdraw, take. Source: Block Storage API v3 reference, "Volume transfer"."""

from typing import Any

from tinstack.core.http import Request
from tinstack.volume import store, views
from tinstack.volume import tables as t
from tinstack.volume.handlers import lists
from tinstack.volume.handlers.actions import flag
from tinstack.volume.parts import Parts
from tinstack.volume.rows import Transfer

SORTABLE = {"id", "name", "volume_id", "created_at"}
_FILTERS = {"id", "name", "volume_id"}
OLD, NEW = "/os-volume-transfer", "/volume-transfers"
_NAME, _VOLUME, _KEY = "name", "volume_id", "auth_key"


def _path(request: Request) -> str:
    return NEW if NEW in request.asgi.path else OLD


async def _rows(request: Request, parts: Parts) -> list[Transfer]:
    wanted = lists.wanted(request, SORTABLE)
    for name, text in request.query.pairs:
        if name in _FILTERS:
            wanted.conditions.append(t.transfers.c[name] == text)
    if marker := request.query.get("marker"):
        wanted.after = await parts.transfers.get(request.context, marker)
    return await store.transfers(parts.database, wanted) if wanted.limit else []


async def index(request: Request, parts: Parts) -> views.Body:
    """What the project offers, short."""
    rows = await _rows(request, parts)
    shown = [views.transfer(request, row, _path(request)) for row in rows]
    return {"transfers": shown, **lists.pages(request, rows, _path(request))}


async def detail(request: Request, parts: Parts) -> views.Body:
    """The same, long."""
    rows = await _rows(request, parts)
    shown = [views.transfer(request, row, _path(request), detail=True) for row in rows]
    return {"transfers": shown, **lists.pages(request, rows, f"{_path(request)}/detail")}


async def show(request: Request, parts: Parts) -> views.Body:
    """One."""
    row = await _transfer(request, parts, "volume:get_transfer")
    return {"transfer": views.transfer(request, row, _path(request), detail=True)}


async def create(request: Request, parts: Parts) -> views.Body:
    """Offer a volume; its snapshots go with it where ``no_snapshots`` (3.55) does not say otherwise."""
    body: dict[str, Any] = request.body["transfer"]
    volume = await parts.volumes.get(request.context, body[_VOLUME])
    request.authorize("volume:create_transfer", {"project_id": volume.project_id})
    snapshots = _path(request) == NEW and not flag(body.get("no_snapshots") or False)
    name = body.get(_NAME)
    row, key = await parts.transfers.create(volume, name.strip() if name else name, snapshots=snapshots)
    return {"transfer": {**views.transfer(request, row, _path(request), detail=True), _KEY: key}}


async def accept(request: Request, parts: Parts) -> views.Body:
    """Take it, by its key."""
    row = await parts.transfers.find(request.path["transfer_id"])
    request.authorize("volume:accept_transfer", {"project_id": request.context.project_id})
    await parts.transfers.accept(request.context, row, request.body["accept"][_KEY])
    return {"transfer": views.transfer(request, row, _path(request))}


async def delete(request: Request, parts: Parts) -> None:
    """Withdraw it."""
    await parts.transfers.delete(await _transfer(request, parts, "volume:delete_transfer"))


async def _transfer(request: Request, parts: Parts, rule: str) -> Transfer:
    row = await parts.transfers.get(request.context, request.path["transfer_id"])
    request.authorize(rule, {"project_id": row.project_id})
    return row
