"""Rows to public JSON, per microversion."""

from typing import Any

from tinstack.core.clock import iso_us
from tinstack.core.http import Request
from tinstack.core.http.app import PROJECT
from tinstack.volume.rows import ATTACHED, UPLOADING, Attachment, ServiceRow, Snapshot, Transfer, Type, Volume

Body = dict[str, Any]


def _moment(us: int | None) -> str | None:
    return iso_us(us) if us else None


def links(request: Request, path: str) -> list[dict[str, str]]:
    """self and bookmark; the project stands in the path where the caller put it there."""
    project = request.path.get(PROJECT)
    prefix = f"/{project}" if project else ""
    return [
        {"rel": "self", "href": f"{request.root_url}/v3{prefix}{path}"},
        {"rel": "bookmark", "href": f"{request.root_url}{prefix}{path}"},
    ]


def volume_summary(request: Request, row: Volume) -> Body:
    """A volume in the short list."""
    return {"id": row.id, "name": row.name, "links": links(request, f"/volumes/{row.id}")}


def volume(request: Request, row: Volume, types: dict[str, Type], attachments: list[Attachment], host: str) -> Body:
    """A volume as create and update show it."""
    kind = types.get(row.volume_type_id or "")
    shown: Body = {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "status": row.status,
        "size": row.size,
        "availability_zone": row.availability_zone,
        "created_at": iso_us(row.created_at),
        "updated_at": _moment(row.updated_at),
        "attachments": [_attached(one) for one in attachments if one.status == ATTACHED],
        "volume_type": kind.name if kind else None,
        "snapshot_id": row.snapshot_id,
        "source_volid": row.source_volid,
        "metadata": row.metadata,
        "links": links(request, f"/volumes/{row.id}"),
        "user_id": row.user_id,
        "bootable": "true" if row.bootable else "false",
        "encrypted": False,
        "replication_status": None,
        "consistencygroup_id": None,
        "multiattach": row.multiattach,
    }
    context = request.context
    if context.is_admin:
        shown["migration_status"] = None
    if request.at_least(3, 13):
        shown["group_id"] = None
    if request.at_least(3, 21) and context.is_admin:
        shown["provider_id"] = None
    if request.at_least(3, 48):
        shown["service_uuid"] = None
        shown["shared_targets"] = None if request.at_least(3, 69) else False
    if request.at_least(3, 61) and context.is_admin:
        shown["cluster_name"] = None
    if request.at_least(3, 63):
        shown["volume_type_id"] = row.volume_type_id
    if request.at_least(3, 65):
        shown["consumes_quota"] = True
    return shown


def volume_detail(
    request: Request, row: Volume, types: dict[str, Type], attachments: list[Attachment], host: str
) -> Body:
    """A volume as show and the long list show it."""
    shown = volume(request, row, types, attachments, host)
    shown["os-vol-tenant-attr:tenant_id"] = row.project_id
    if request.context.is_admin:
        shown["os-vol-host-attr:host"] = pool_name(host, row.backend) if row.backend else None
        shown["os-vol-mig-status-attr:migstat"] = None
        shown["os-vol-mig-status-attr:name_id"] = None
    if row.image_metadata:
        shown["volume_image_metadata"] = row.image_metadata
    return shown


def pool_name(host: str, backend: str | None) -> str:
    """``controller@lab1#lab1``."""
    return f"{host}@{backend}#{backend}"


def _attached(row: Attachment) -> Body:
    return {
        "id": row.volume_id,
        "attachment_id": row.id,
        "volume_id": row.volume_id,
        "server_id": row.instance_id,
        "host_name": row.host,
        "device": row.mountpoint,
        "attached_at": _moment(row.attached_at),
    }


def upload(request: Request, row: Volume, types: dict[str, Type], image: Body) -> Body:
    """A volume that becomes an image."""
    kind = types.get(row.volume_type_id or "")
    shown: Body = {
        "id": row.id,
        "updated_at": _moment(row.updated_at),
        "status": UPLOADING,
        "display_description": row.description,
        "size": row.size,
        "volume_type": volume_type(request, kind) if kind else None,
        "image_id": image["id"],
        "container_format": image["container_format"],
        "disk_format": image["disk_format"],
        "image_name": image["name"],
    }
    if request.at_least(3, 1):
        shown |= {"visibility": image["visibility"], "protected": image["protected"]}
    return {"os-volume_upload_image": shown}


def snapshot(request: Request, row: Snapshot, *, detail: bool = False) -> Body:
    """A snapshot; ``detail`` as show and the long list show it."""
    shown: Body = {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "volume_id": row.volume_id,
        "status": row.status,
        "size": row.size,
        "created_at": iso_us(row.created_at),
        "updated_at": _moment(row.updated_at),
        "metadata": row.metadata,
    }
    if detail:
        shown["os-extended-snapshot-attributes:project_id"] = row.project_id
        shown["os-extended-snapshot-attributes:progress"] = row.progress
        if request.at_least(3, 14):
            shown["group_snapshot_id"] = None
    if request.at_least(3, 41):
        shown["user_id"] = row.user_id
    if request.at_least(3, 65):
        shown["consumes_quota"] = True
    return shown


def transfer(request: Request, row: Transfer, path: str, *, detail: bool = False) -> Body:
    """An offer, without its key."""
    shown: Body = {
        "id": row.id,
        "volume_id": row.volume_id,
        "name": row.name,
        "links": links(request, f"{path}/{row.id}"),
    }
    if detail:
        shown["created_at"] = iso_us(row.created_at)
        if request.at_least(3, 57):
            shown |= {"source_project_id": row.project_id, "destination_project_id": None, "accepted": False}
    return shown


def attachment_summary(row: Attachment) -> Body:
    """An attachment in the short list."""
    return {"id": row.id, "status": row.status, "instance": row.instance_id, "volume_id": row.volume_id}


def attachment(row: Attachment, *, connection: bool) -> Body:
    """An attachment; ``connection``: with what only hosts and services may know."""
    return {
        **attachment_summary(row),
        "attached_at": _moment(row.attached_at) or "",
        "detached_at": "",
        "attach_mode": row.mode,
        "connection_info": (row.connection_info or {}) if connection else {},
    }


def volume_type(request: Request, row: Type) -> Body:
    """A volume type; extra specs are for admins, those that name no backend for all."""
    shown: Body = {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "is_public": row.is_public,
        "os-volume-type-access:is_public": row.is_public,
    }
    if request.context.is_admin:
        shown["extra_specs"] = row.extra_specs
        shown["qos_specs_id"] = None
    else:
        visible = ("RESKEY:availability_zones", "multiattach", "replication_enabled")
        shown["extra_specs"] = {key: value for key, value in row.extra_specs.items() if key in visible}
    return shown


def service(request: Request, row: ServiceRow, zone: str) -> Body:
    """A part of the service as operators see it; whoever answers is up."""
    shown: Body = {
        "binary": row.binary,
        "host": row.host,
        "zone": zone,
        "status": "disabled" if row.disabled else "enabled",
        "state": "up",
        "updated_at": iso_us(row.updated_at),
        "disabled_reason": row.disabled_reason,
    }
    if row.binary == "cinder-volume":
        shown |= {"replication_status": "disabled", "active_backend_id": None, "frozen": row.frozen}
        if request.at_least(3, 49):
            shown["backend_state"] = "up"
    if request.at_least(3, 7):
        shown["cluster"] = None
    return shown
