"""What bodies may be. Source: Block Storage API v3 reference."""

from typing import Any

NAME = {"type": ["string", "null"], "maxLength": 255}
TYPE_NAME = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"\S"}
METADATA: dict[str, Any] = {
    "type": "object",
    "patternProperties": {r"^[\s\S]{1,255}$": {"type": "string", "maxLength": 255}},
    "additionalProperties": False,
}
SPECS: dict[str, Any] = {
    "type": "object",
    "patternProperties": {r"^[a-zA-Z0-9-_:. ]{1,255}$": {"type": "string", "maxLength": 255}},
    "additionalProperties": False,
}
UUID = {"type": "string", "pattern": r"^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$"}
NULL_OR_UUID = {"anyOf": [UUID, {"type": "null"}]}
SIZE = {"type": ["integer", "string", "null"], "pattern": "^[0-9]+$", "minimum": 1, "maximum": 2147483647}
_TRUE = ["True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes", "y", "t"]
_FALSE = ["False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no", "n", "f"]
BOOLEAN = {"type": ["boolean", "string"], "enum": [True, False, *_TRUE, *_FALSE]}
DISPLAY = {"name": NAME, "display_name": NAME, "description": NAME, "display_description": NAME}


def object_of(properties: dict[str, Any], *required: str, more: bool = False) -> dict[str, Any]:
    """An object; ``more``: other keys are let through."""
    found: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": more}
    if required:
        found["required"] = list(required)
    return found


def under(key: str, properties: dict[str, Any], *required: str, more: bool = False) -> dict[str, Any]:
    """The same below its key."""
    return object_of({key: object_of(properties, *required, more=more)}, key, more=True)


NO_METADATA = {"anyOf": [METADATA, {"type": "null"}]}
CREATE_VOLUME = under(
    "volume",
    {
        **DISPLAY,
        "size": SIZE,
        "volume_type": NAME,
        "metadata": NO_METADATA,
        "snapshot_id": NULL_OR_UUID,
        "source_volid": NULL_OR_UUID,
        "consistencygroup_id": NULL_OR_UUID,
        "availability_zone": NAME,
        "multiattach": {"anyOf": [BOOLEAN, {"type": "null"}]},
        "image_id": {"type": ["string", "null"]},
        "imageRef": {"type": ["string", "null"]},
        "id": {"anyOf": [UUID, {"type": "null"}]},
        "project_id": NAME,
        "user_id": NAME,
    },
    more=True,
)
UPDATE_VOLUME = under("volume", {**DISPLAY, "metadata": NO_METADATA})
SET_METADATA = object_of({"metadata": METADATA}, "metadata")
SET_META = object_of({"meta": {**METADATA, "minProperties": 1, "maxProperties": 1}}, "meta")

CREATE_SNAPSHOT = under(
    "snapshot",
    {**DISPLAY, "volume_id": UUID, "force": {"anyOf": [BOOLEAN, {"type": "null"}]}, "metadata": NO_METADATA},
    "volume_id",
)
UPDATE_SNAPSHOT = under("snapshot", DISPLAY)

_CONNECTOR = {"type": ["object", "null"]}
CREATE_ATTACHMENT = under(
    "attachment",
    {
        "volume_uuid": UUID,
        "instance_uuid": NULL_OR_UUID,
        "connector": _CONNECTOR,
        "mode": {"type": "string", "enum": ["rw", "ro"]},
        "attachment_id": UUID,
        "mountpoint": {"type": ["string", "null"], "minLength": 1, "maxLength": 255},
    },
    "volume_uuid",
)
UPDATE_ATTACHMENT = under("attachment", {"connector": {"type": "object", "minProperties": 1}}, "connector")

CREATE_TYPE = under(
    "volume_type",
    {
        "name": TYPE_NAME,
        "description": {"type": ["string", "null"], "maxLength": 255},
        "extra_specs": {"anyOf": [SPECS, {"type": "null"}]},
        "os-volume-type-access:is_public": BOOLEAN,
    },
    "name",
)
UPDATE_TYPE = under(
    "volume_type",
    {"name": TYPE_NAME, "description": {"type": ["string", "null"], "maxLength": 255}, "is_public": BOOLEAN},
)
CREATE_SPECS = object_of({"extra_specs": SPECS}, "extra_specs")
UPDATE_SPEC = {**SPECS, "minProperties": 1, "maxProperties": 1}

_PROJECT = {"type": "string", "minLength": 1, "maxLength": 64}
ADD_ACCESS = under("addProjectAccess", {"project": _PROJECT}, "project")
REMOVE_ACCESS = under("removeProjectAccess", {"project": _PROJECT}, "project")

_LIMIT = {"type": ["integer", "string"], "pattern": "^-?[0-9]+$", "minimum": -1, "maximum": 2147483647}
_LIMITS = {
    "tenant_id": {"type": "string"},
    "force": BOOLEAN,
    "class_name": {"type": "string"},
    "id": {"type": "string"},
}


def _limits(key: str) -> dict[str, Any]:
    return object_of(
        {key: {"type": "object", "properties": _LIMITS, "additionalProperties": _LIMIT, "minProperties": 1}},
        key,
        more=True,
    )


QUOTA_SET = _limits("quota_set")
QUOTA_CLASS_SET = _limits("quota_class_set")

_HOST = {"type": "string", "minLength": 1, "maxLength": 255}
SERVICE = object_of(
    {
        "binary": {"type": "string", "enum": ["cinder-volume", "cinder-scheduler", "cinder-backup"]},
        "service": {"type": "string", "enum": ["cinder-volume", "cinder-scheduler", "cinder-backup"]},
        "host": _HOST,
        "cluster": NAME,
    },
    "host",
)
DISABLE_SERVICE = object_of(
    {**SERVICE["properties"], "disabled_reason": {"type": "string", "minLength": 1, "maxLength": 255}},
    "host",
    "disabled_reason",
)

_STATUS = {"type": ["string", "null"], "minLength": 1, "maxLength": 255}
EXTEND = under("os-extend", {"new_size": {**SIZE, "type": ["integer", "string"]}}, "new_size")
RESET = under("os-reset_status", {"status": _STATUS, "attach_status": _STATUS, "migration_status": _STATUS})
SET_BOOTABLE = under("os-set_bootable", {"bootable": BOOLEAN}, "bootable")
READONLY = under("os-update_readonly_flag", {"readonly": BOOLEAN}, "readonly")
ATTACH = under(
    "os-attach",
    {
        "instance_uuid": UUID,
        "mountpoint": {"type": "string", "minLength": 1, "maxLength": 255},
        "host_name": {"type": "string", "maxLength": 255},
        "mode": {"type": "string", "enum": ["rw", "ro"]},
    },
    "mountpoint",
)
DETACH = under("os-detach", {"attachment_id": NULL_OR_UUID})
FORCE_DETACH = under("os-force_detach", {"attachment_id": NULL_OR_UUID, "connector": {"type": ["object", "null"]}})
INITIALIZE = under("os-initialize_connection", {"connector": {"type": "object"}}, "connector")
TERMINATE = under("os-terminate_connection", {"connector": {"type": ["object", "null"]}}, "connector")
SET_IMAGE_METADATA = under("os-set_image_metadata", {"metadata": METADATA}, "metadata")
UNSET_IMAGE_METADATA = under(
    "os-unset_image_metadata", {"key": {"type": "string", "minLength": 1, "maxLength": 255}}, "key"
)
_UPLOAD: dict[str, Any] = {
    "image_name": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"\S"},
    "force": BOOLEAN,
    "disk_format": {"type": "string", "enum": ["raw", "vmdk", "vdi", "qcow2", "vhd", "vhdx", "ploop"]},
    "container_format": {"type": "string", "minLength": 0, "maxLength": 255},
    "visibility": {"type": "string", "enum": ["community", "public", "private", "shared"]},
    "protected": BOOLEAN,
}
UPLOAD = under("os-volume_upload_image", _UPLOAD, "image_name")
RETYPE = under(
    "os-retype",
    {"new_type": TYPE_NAME, "migration_policy": {"type": ["string", "null"], "enum": ["on-demand", "never", None]}},
    "new_type",
)
_TRANSFER = {"volume_id": UUID, "name": NAME}
CREATE_TRANSFER = under("transfer", _TRANSFER, "volume_id")
CREATE_VOLUME_TRANSFER = under("transfer", {**_TRANSFER, "no_snapshots": BOOLEAN}, "volume_id")
ACCEPT_TRANSFER = under("accept", {"auth_key": {"type": "string", "minLength": 1, "maxLength": 255}}, "auth_key")
SNAPSHOT_RESET = under("os-reset_status", {"status": {"type": "string", "minLength": 1, "maxLength": 255}}, "status")
SNAPSHOT_STATUS = under(
    "os-update_snapshot_status", {"status": {"type": "string"}, "progress": {"type": ["string", "null"]}}, "status"
)
