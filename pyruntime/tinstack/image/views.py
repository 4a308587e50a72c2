"""Rows to public JSON."""

from typing import Any

from tinstack.core.clock import iso
from tinstack.image.rows import Image, Item, Member, Namespace, ResourceType, Task

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
    if row.stores:
        shown["stores"] = ",".join(row.stores)
    return shown


def task(row: Task, *, whole: bool = True) -> Body:
    """A task; in lists without what went in and came out."""
    shown: Body = {
        "id": row.id,
        "type": row.type,
        "status": row.status,
        "owner": row.owner,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
        "self": f"/v2/tasks/{row.id}",
        "schema": "/v2/schemas/task",
    }
    if row.expires_at:
        shown["expires_at"] = iso(row.expires_at)
    if whole:
        shown |= {"input": row.input, "result": row.result, "message": row.message}
    return shown


def task_of_image(row: Task) -> Body:
    """A task as its image lists it."""
    more = {"image_id": row.image_id, "user_id": row.user_id, "request_id": row.request_id}
    shown = task(row) | more
    del shown["self"], shown["schema"]
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


# --- metadata definitions ----------------------------------------------------------------------------


def namespace(row: Namespace, associations: list[Item] | None = None) -> Body:
    """A namespace; with the types of resources it is for where they are given."""
    shown: Body = {
        "namespace": row.namespace,
        "display_name": row.display_name,
        "description": row.description,
        "visibility": row.visibility,
        "protected": row.protected,
        "owner": row.owner,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
        "self": f"/v2/metadefs/namespaces/{row.namespace}",
        "schema": "/v2/schemas/metadefs/namespace",
    }
    shown = {name: value for name, value in shown.items() if value is not None}
    if associations:
        shown["resource_type_associations"] = [item(row, one) for one in associations]
    return shown


def whole_namespace(row: Namespace, items: dict[str, list[Item]], prefix: str = "") -> Body:
    """A namespace with all that it holds."""
    shown = namespace(row, items["association"])
    if items["object"]:
        shown["objects"] = [item(row, one) for one in items["object"]]
    if items["property"]:
        shown["properties"] = properties(items["property"], prefix)
    if items["tag"]:
        shown["tags"] = [{"name": one.name} for one in items["tag"]]
    return shown


def properties(items: list[Item], prefix: str = "") -> Body:
    """Properties by name."""
    return {prefix + one.name: one.content for one in items}


def item(row: Namespace, one: Item, prefix: str = "") -> Body:
    """An object, a property, a tag or an association alone."""
    shown: Body = {**one.content, "name": prefix + one.name}
    if one.kind == "property":
        return shown
    shown |= {"created_at": iso(one.created_at), "updated_at": iso(one.updated_at)}
    if one.kind == "object":
        shown.setdefault("required", [])
        shown.setdefault("properties", {})
        shown["self"] = f"/v2/metadefs/namespaces/{row.namespace}/objects/{one.name}"
        shown["schema"] = "/v2/schemas/metadefs/object"
    return shown


def resource_type(row: ResourceType) -> Body:
    """A known type of resource."""
    return {"name": row.name, "created_at": iso(row.created_at), "updated_at": iso(row.updated_at)}
