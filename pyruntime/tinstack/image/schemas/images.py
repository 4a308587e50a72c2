"""The schema of an image, as served at /v2/schemas/image. Source: Image API v2 reference, Image schema."""

from typing import Any

CONTAINER_FORMATS = ["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"]
DISK_FORMATS = ["ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop"]

UUID = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
_NULL_OR_INT = {"type": ["null", "integer"]}
_INT32 = {"type": "integer", "minimum": 0, "maximum": 2147483647}


def _shown(kind: Any, words: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "description": words, **more}


def _read_only(kind: Any, words: str, **more: Any) -> dict[str, Any]:
    return _shown(kind, words, readOnly=True, **more)


PROPERTIES: dict[str, Any] = {
    "id": _shown("string", "An identifier for the image", pattern=UUID),
    "name": _shown(["null", "string"], "Descriptive name for the image", maxLength=255),
    "status": _read_only(
        "string",
        "Status of the image",
        enum=[
            "queued",
            "saving",
            "active",
            "killed",
            "deleted",
            "uploading",
            "importing",
            "pending_delete",
            "deactivated",
        ],
    ),
    "visibility": _shown("string", "Scope of image accessibility", enum=["community", "public", "private", "shared"]),
    "protected": _shown("boolean", "If true, image will not be deletable."),
    "os_hidden": _shown("boolean", "If true, image will not appear in default image list response."),
    "checksum": _read_only(["null", "string"], "md5 hash of image contents.", maxLength=32),
    "os_hash_algo": _read_only(["null", "string"], "Algorithm to calculate the os_hash_value", maxLength=64),
    "os_hash_value": _read_only(["null", "string"], "Hexdigest of the image contents", maxLength=128),
    "owner": _shown(["null", "string"], "Owner of the image", maxLength=255),
    "size": {**_NULL_OR_INT, "readOnly": True, "description": "Size of image file in bytes"},
    "virtual_size": {**_NULL_OR_INT, "readOnly": True, "description": "Virtual size of image in bytes"},
    "container_format": _shown(["null", "string"], "Format of the container", enum=[None, *CONTAINER_FORMATS]),
    "disk_format": _shown(["null", "string"], "Format of the disk", enum=[None, *DISK_FORMATS]),
    "created_at": _read_only("string", "Date and time of image registration"),
    "updated_at": _read_only("string", "Date and time of the last image modification"),
    "tags": _shown("array", "List of strings related to the image", items={"type": "string", "maxLength": 255}),
    "direct_url": _read_only("string", "URL to access the image file kept in external store"),
    "min_ram": {**_INT32, "description": "Amount of ram (in MB) required to boot image."},
    "min_disk": {**_INT32, "description": "Amount of disk space (in GB) required to boot image."},
    "self": _read_only("string", "An image self url"),
    "file": _read_only("string", "An image file url"),
    "schema": _read_only("string", "An image schema url"),
    "stores": _read_only("string", "Store in which image data resides"),
    "architecture": {"type": "string", "is_base": False, "description": "Operating system architecture"},
    "os_distro": {"type": "string", "is_base": False, "description": "Common name of operating system distribution"},
    "os_version": {"type": "string", "is_base": False, "description": "Operating system version"},
    "kernel_id": {
        "type": ["null", "string"],
        "pattern": UUID,
        "is_base": False,
        "description": "ID of the kernel image",
    },
    "ramdisk_id": {
        "type": ["null", "string"],
        "pattern": UUID,
        "is_base": False,
        "description": "ID of the ramdisk image",
    },
    "instance_uuid": {"type": "string", "is_base": False, "description": "The instance used to create this image"},
}

READ_ONLY = frozenset(name for name, schema in PROPERTIES.items() if schema.get("readOnly")) | {"locations"}
BASE = frozenset(name for name, schema in PROPERTIES.items() if schema.get("is_base", True))
RESERVED = frozenset({"deleted", "deleted_at", "is_public"})
RESERVED_PREFIX = "os_glance_"

IMAGE: dict[str, Any] = {
    "name": "image",
    "properties": PROPERTIES,
    "additionalProperties": {"type": "string"},
    "links": [
        {"rel": "self", "href": "{self}"},
        {"rel": "enclosure", "href": "{file}"},
        {"rel": "describedby", "href": "{schema}"},
    ],
}

CREATE: dict[str, Any] = {
    "type": "object",
    "properties": {name: schema for name, schema in PROPERTIES.items() if name not in READ_ONLY},
    "additionalProperties": {"type": ["string", "null", "integer", "boolean", "array", "object"]},
}
"""What a new image is checked against; read-only names get their own 403 first, so anything passes for them."""

MEMBER: dict[str, Any] = {
    "name": "member",
    "properties": {
        "created_at": _shown("string", "Date and time of image member creation"),
        "image_id": _shown("string", "An identifier for the image", pattern=UUID),
        "member_id": _shown("string", "An identifier for the image member (tenantId)"),
        "schema": _read_only("string", ""),
        "status": _shown("string", "The status of this image member", enum=["pending", "accepted", "rejected"]),
        "updated_at": _shown("string", "Date and time of last modification of image member"),
    },
}


def collection(name: str, item: dict[str, Any]) -> dict[str, Any]:
    """The schema of a list."""
    return {
        "name": name,
        "properties": {
            name: {"type": "array", "items": item},
            "first": {"type": "string"},
            "next": {"type": "string"},
            "schema": {"type": "string"},
        },
        "links": [
            {"rel": "first", "href": "{first}"},
            {"rel": "next", "href": "{next}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    }


SHOWN: dict[str, dict[str, Any]] = {
    "image": IMAGE,
    "images": collection("images", IMAGE),
    "member": MEMBER,
    "members": {
        "name": "members",
        "properties": {"members": {"type": "array", "items": MEMBER}, "schema": {"type": "string"}},
        "links": [{"rel": "describedby", "href": "{schema}"}],
    },
}
"""By the last part of /v2/schemas/…"""

_TASK: dict[str, Any] = {
    "name": "task",
    "properties": {
        "id": _shown("string", "An identifier for the task", pattern=UUID),
        "type": _shown("string", "The type of task represented by this content", enum=["import", "api_image_import"]),
        "status": _shown(
            "string", "The current status of this task", enum=["pending", "processing", "success", "failure"]
        ),
        "input": _shown(["null", "object"], "The parameters required by task, JSON blob"),
        "result": _shown(["null", "object"], "The result of current task, JSON blob"),
        "owner": _shown("string", "An identifier for the owner of this task"),
        "message": _shown("string", "Human-readable informative message only included when appropriate"),
        "expires_at": _shown(["null", "string"], "Datetime when this resource would be subject to removal"),
        "created_at": _shown("string", "Datetime when this resource was created"),
        "updated_at": _shown("string", "Datetime when this resource was updated"),
        "self": _read_only("string", ""),
        "schema": _read_only("string", ""),
    },
}
SHOWN |= {"task": _TASK, "tasks": collection("tasks", _TASK)}

TASK = {
    "type": "object",
    "properties": {"type": {"type": "string", "enum": ["import"]}, "input": {"type": "object"}},
    "required": ["type", "input"],
}

ADD_MEMBER = {
    "type": "object",
    "properties": {"member": {"type": "string", "minLength": 1, "maxLength": 64}},
    "required": ["member"],
}
UPDATE_MEMBER = {
    "type": "object",
    "properties": {"status": {"type": "string", "enum": ["pending", "accepted", "rejected"]}},
    "required": ["status"],
}
IMPORT = {
    "type": "object",
    "properties": {
        "method": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
        "stores": {"type": "array", "items": {"type": "string"}},
        "all_stores": {"type": "boolean"},
        "all_stores_must_succeed": {"type": "boolean"},
    },
    "required": ["method"],
}
