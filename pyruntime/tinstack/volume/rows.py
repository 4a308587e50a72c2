"""Rows of the volume database. Sizes in GiB, times in µs."""

from typing import Any

import msgspec

CREATING, AVAILABLE, IN_USE, DELETING, ERROR = "creating", "available", "in-use", "deleting", "error"
RESERVED, ATTACHING, DETACHING, EXTENDING = "reserved", "attaching", "detaching", "extending"
UPLOADING, AWAITING_TRANSFER = "uploading", "awaiting-transfer"
DOWNLOADING, ERROR_DELETING, ERROR_EXTENDING, ATTACHED = "downloading", "error_deleting", "error_extending", "attached"


class Volume(msgspec.Struct, kw_only=True):
    """A volume. ``backend``: the backend's name once one was chosen; ``image_metadata``: of the image that it was made from."""

    id: str
    project_id: str
    user_id: str
    name: str | None = None
    description: str | None = None
    size: int
    status: str = CREATING
    previous_status: str | None = None
    bootable: bool = False
    multiattach: bool = False
    availability_zone: str
    volume_type_id: str | None = None
    snapshot_id: str | None = None
    source_volid: str | None = None
    image_id: str | None = None
    backend: str | None = None
    metadata: dict[str, str] = {}
    image_metadata: dict[str, str] = {}
    created_at: int
    updated_at: int | None = None


class Snapshot(msgspec.Struct, kw_only=True):
    """A snapshot of a volume; ``size`` is the volume's then."""

    id: str
    volume_id: str
    project_id: str
    user_id: str
    name: str | None = None
    description: str | None = None
    size: int
    status: str = CREATING
    progress: str = "0%"
    metadata: dict[str, str] = {}
    created_at: int
    updated_at: int | None = None


class Attachment(msgspec.Struct, kw_only=True):
    """A volume reserved for, or reached by, a server on a host."""

    id: str
    volume_id: str
    project_id: str
    instance_id: str | None
    status: str = RESERVED
    mode: str = "rw"
    mountpoint: str | None = None
    host: str | None = None
    connector: dict[str, Any] | None = None
    connection_info: dict[str, Any] | None = None
    attached_at: int | None = None
    created_at: int


class Transfer(msgspec.Struct, kw_only=True):
    """A volume that is offered; ``snapshots``: with them."""

    id: str
    volume_id: str
    project_id: str
    name: str | None = None
    salt: str
    key_hash: str
    snapshots: bool
    created_at: int


class Backend(msgspec.Struct):
    """Where a volume is."""

    id: str
    backend: str | None


class Type(msgspec.Struct, kw_only=True):
    """A volume type; its extra specs choose the backend."""

    id: str
    name: str
    description: str | None = None
    is_public: bool = True
    extra_specs: dict[str, str] = {}
    created_at: int


class ServiceRow(msgspec.Struct, kw_only=True):
    """A part of the volume service as operators see it."""

    host: str
    binary: str
    disabled: bool = False
    disabled_reason: str | None = None
    frozen: bool = False
    updated_at: int


class Limit(msgspec.Struct):
    """A quota that was set."""

    resource: str
    hard_limit: int


class Access(msgspec.Struct):
    """A project that may use a private type."""

    volume_type_id: str
    project_id: str
