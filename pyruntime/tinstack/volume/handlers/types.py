"""Volume types, their extra specs and who may use private ones."""

from typing import Any

from tinstack.core.http import Request
from tinstack.volume import store, views
from tinstack.volume.errors import Invalid
from tinstack.volume.handlers.actions import flag
from tinstack.volume.parts import Parts
from tinstack.volume.rows import Type
from tinstack.volume.types import NoSuchSpec


async def _type(request: Request, parts: Parts) -> Type:
    return await parts.types.get(request.context, request.path["type_id"])


async def index(request: Request, parts: Parts) -> views.Body:
    """Types that the caller may use."""
    rows = await parts.types.visible(request.context)
    public = request.query.get("is_public")
    if public is not None and public.lower() != "none" and request.context.is_admin:
        rows = [row for row in rows if row.is_public == request.query.boolean("is_public")]
    elif public is None and request.context.is_admin:
        rows = [row for row in rows if row.is_public]
    name = request.query.get("name")
    rows = [row for row in rows if name in (None, row.name)]
    limit = request.query.integer("limit")
    marker = request.query.get("marker")
    rows = sorted(rows, key=lambda row: row.created_at, reverse=True)
    if marker is not None:
        ids = [row.id for row in rows]
        if marker not in ids:
            raise Invalid(f"marker [{marker}] not found")
        rows = rows[ids.index(marker) + 1 :]
    return {"volume_types": [views.volume_type(request, row) for row in rows[:limit]]}


async def show(request: Request, parts: Parts) -> views.Body:
    """One type; ``default`` is the one for volumes that name none."""
    if request.path["type_id"] == "default":
        return {"volume_type": views.volume_type(request, await parts.types.named(request.context, None))}
    return {"volume_type": views.volume_type(request, await _type(request, parts))}


async def create(request: Request, parts: Parts) -> views.Body:
    """A new type."""
    body = request.body["volume_type"]
    public = flag(body.get("os-volume-type-access:is_public", True))
    made = await parts.types.create(
        body["name"].strip(), body.get("description"), public, body.get("extra_specs") or {}
    )
    if not public and request.project_id:
        await parts.types.allow(made, request.project_id, True)
    return {"volume_type": _without_qos(views.volume_type(request, made))}


async def update(request: Request, parts: Parts) -> views.Body:
    """Name, description, is_public."""
    body = request.body["volume_type"]
    changed: dict[str, Any] = {key: body[key] for key in ("name", "description") if body.get(key) is not None}
    if "is_public" in body:
        changed["is_public"] = flag(body["is_public"])
    if not changed:
        raise Invalid("Specify volume type name, description, is_public or a combination thereof.")
    shown = views.volume_type(request, await parts.types.change(request.path["type_id"], **changed))
    del shown["os-volume-type-access:is_public"]
    return {"volume_type": _without_qos(shown)}


def _without_qos(shown: views.Body) -> views.Body:
    return {key: value for key, value in shown.items() if key != "qos_specs_id"}


async def delete(request: Request, parts: Parts) -> None:
    """Where no volume has it."""
    await parts.types.delete(request.path["type_id"])


async def encryption(request: Request, parts: Parts) -> views.Body:
    """No type is encrypted."""
    await _type(request, parts)
    return {}


# --- extra specs --------------------------------------------------------------------------------


def _visible(request: Request, row: Type) -> dict[str, str]:
    found: dict[str, str] = views.volume_type(request, row)["extra_specs"]
    return found


async def specs(request: Request, parts: Parts) -> views.Body:
    """All extra specs."""
    return {"extra_specs": _visible(request, await _type(request, parts))}


async def add_specs(request: Request, parts: Parts) -> views.Body:
    """Add or change some."""
    await parts.types.change_specs(request.path["type_id"], request.body["extra_specs"])
    return {"extra_specs": request.body["extra_specs"]}


async def spec(request: Request, parts: Parts) -> views.Body:
    """One of them."""
    row, key = await _type(request, parts), request.path["key"]
    found = _visible(request, row)
    if key not in found:
        raise NoSuchSpec(id=row.id, key=key)
    return {key: found[key]}


async def set_spec(request: Request, parts: Parts) -> views.Body:
    """Set one."""
    if list(request.body) != [request.path["key"]]:
        raise Invalid("Request body and URI mismatch")
    await parts.types.change_specs(request.path["type_id"], request.body)
    body: views.Body = request.body
    return body


async def delete_spec(request: Request, parts: Parts) -> None:
    """Remove one."""
    await parts.types.change_specs(request.path["type_id"], None, remove=request.path["key"])


# --- access -------------------------------------------------------------------------------------


async def access(request: Request, parts: Parts) -> views.Body:
    """Projects that may use a private type."""
    row = await _type(request, parts)
    if row.is_public:
        raise NoSuchSpec("Access list not available for public volume types.")
    projects = await store.access(parts.database, row.id)
    return {"volume_type_access": [{"volume_type_id": row.id, "project_id": project} for project in projects]}


async def add_access(request: Request, parts: Parts) -> None:
    """One more."""
    await parts.types.allow(await _type(request, parts), request.body["addProjectAccess"]["project"], True)


async def remove_access(request: Request, parts: Parts) -> None:
    """One less."""
    await parts.types.allow(await _type(request, parts), request.body["removeProjectAccess"]["project"], False)
