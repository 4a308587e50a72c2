"""Rows to public JSON."""

from typing import Any

from tinstack.core.clock import iso
from tinstack.image.rows import ACTIVE, DEACTIVATED, Image, Member

Body = dict[str, Any]


def image(row: Image, tags: list[str]) -> Body:
    """An image; custom properties stand beside the base ones."""
    href = f"/v2/images/{row.id}"
    shown: Body = {
        **row.properties,
        "name": row.name,
        "disk_format": row.disk_format,
        "container_format": row.container_format,
        "visibility": row.visibility,
        "size": row.size,
        "virtual_size": row.virtual_size,
        "status": row.status,
        "checksum": row.checksum,
        "protected": row.protected,
        "min_ram": row.min_ram,
        "min_disk": row.min_disk,
        "owner": row.owner,
        "os_hidden": row.os_hidden,
        "os_hash_algo": row.os_hash_algo,
        "os_hash_value": row.os_hash_value,
        "id": row.id,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
        "tags": tags,
        "self": href,
        "file": f"{href}/file",
        "schema": "/v2/schemas/image",
    }
    if row.status in (ACTIVE, DEACTIVATED):
        shown["stores"] = "file"
    return shown


def member(row: Member) -> Body:
    """A membership."""
    return {
        "member_id": row.member_id,
        "image_id": row.image_id,
        "status": row.status,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
        "schema": "/v2/schemas/member",
    }
