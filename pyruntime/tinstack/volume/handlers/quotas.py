"""Quota sets, quota classes and limits."""

from typing import Any

from tinstack.core.http import Request
from tinstack.volume import views
from tinstack.volume.errors import Invalid
from tinstack.volume.parts import Parts
from tinstack.volume.quotas import CLASS

_IGNORED = {"tenant_id", "force", "class_name", "id"}
_ABSOLUTE = (
    ("maxTotalVolumes", "totalVolumesUsed", "volumes"),
    ("maxTotalSnapshots", "totalSnapshotsUsed", "snapshots"),
    ("maxTotalVolumeGigabytes", "totalGigabytesUsed", "gigabytes"),
    ("maxTotalBackups", "totalBackupsUsed", "backups"),
    ("maxTotalBackupGigabytes", "totalBackupGigabytesUsed", "backup_gigabytes"),
)


async def show(request: Request, parts: Parts) -> views.Body:
    """What a project may have; with ``usage`` also what it has."""
    project = request.path["id"]
    request.authorize("volume_extension:quotas:show", {"project_id": project})
    limits = await parts.quotas.limits(parts.database, project)
    if not request.query.boolean("usage", False):
        return {"quota_set": {"id": project, **limits}}
    used = await parts.quotas.usage(parts.database, project)
    shown = {name: {"limit": limit, "in_use": used.get(name, 0), "reserved": 0} for name, limit in limits.items()}
    return {"quota_set": {"id": project, **shown}}


async def defaults(request: Request, parts: Parts) -> views.Body:
    """What a project gets by default."""
    project = request.path["id"]
    request.authorize("volume_extension:quotas:show", {"project_id": project})
    return {"quota_set": {"id": project, **await parts.quotas.defaults(parts.database)}}


async def update(request: Request, parts: Parts) -> views.Body:
    """Change some limits of a project."""
    project = request.path["id"]
    await parts.quotas.set(project, await _limits(request.body["quota_set"], parts))
    return {"quota_set": await parts.quotas.limits(parts.database, project)}


async def delete(request: Request, parts: Parts) -> None:
    """Back to the defaults."""
    await parts.quotas.reset(request.path["id"])


async def show_class(request: Request, parts: Parts) -> views.Body:
    """The default class."""
    return {"quota_class_set": {"id": request.path["name"], **await parts.quotas.defaults(parts.database)}}


async def update_class(request: Request, parts: Parts) -> views.Body:
    """Change the default class."""
    if request.path["name"] != "default":
        raise Invalid("There is one quota class, 'default'.")
    await parts.quotas.set(CLASS, await _limits(request.body["quota_class_set"], parts))
    return {"quota_class_set": await parts.quotas.defaults(parts.database)}


async def _limits(body: dict[str, Any], parts: Parts) -> dict[str, int]:
    known = await parts.quotas.defaults(parts.database)
    found = {name: int(value) for name, value in body.items() if name not in _IGNORED}
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise Invalid(f"Bad key(s) in quota set: {', '.join(unknown)}")
    if any(value < -1 or value > 2**31 - 1 for value in found.values()):
        raise Invalid("A quota limit is an integer of -1 (no limit) or more.")
    return found


async def limits(request: Request, parts: Parts) -> views.Body:
    """What the caller's project may have and has."""
    project = request.project_id
    if request.context.is_admin:
        project = request.query.get("project_id") or request.query.get("tenant_id") or project
    allowed, used = (
        await parts.quotas.limits(parts.database, project),
        await parts.quotas.usage(parts.database, project),
    )
    absolute: dict[str, int] = {}
    for most, now, name in _ABSOLUTE:
        absolute[most], absolute[now] = allowed[name], used[name]
    return {"limits": {"rate": [], "absolute": absolute}}
