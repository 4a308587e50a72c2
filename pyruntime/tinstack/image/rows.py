"""Rows of the image database."""

from typing import Any

import msgspec

QUEUED, SAVING, ACTIVE, DEACTIVATED = "queued", "saving", "active", "deactivated"
IMPORTING, UPLOADING = "importing", "uploading"

PUBLIC, PRIVATE, SHARED, COMMUNITY = "public", "private", "shared", "community"

PENDING, ACCEPTED, REJECTED = "pending", "accepted", "rejected"


class Image(msgspec.Struct, kw_only=True):
    """An image. Sizes in bytes, ``min_disk`` in GiB, ``min_ram`` in MiB, times in µs; ``properties``: the custom ones.

    ``stores``: where its data are. ``upload_until``: the lease (database's clock) of the upload that is under way.
    """

    id: str
    name: str | None = None
    owner: str | None = None
    status: str = QUEUED
    visibility: str = SHARED
    disk_format: str | None = None
    container_format: str | None = None
    size: int | None = None
    virtual_size: int | None = None
    checksum: str | None = None
    os_hash_algo: str | None = None
    os_hash_value: str | None = None
    min_disk: int = 0
    min_ram: int = 0
    protected: bool = False
    os_hidden: bool = False
    properties: dict[str, str] = {}
    stores: list[str] = []
    upload_until: int = 0
    created_at: int
    updated_at: int


class Listed(Image, kw_only=True):
    """One of a list. ``tagged``: it has tags, which are worth a question."""

    tagged: bool = False


class Member(msgspec.Struct, kw_only=True):
    """A project with which an image is shared."""

    image_id: str
    member_id: str
    status: str = PENDING
    created_at: int
    updated_at: int


class Tag(msgspec.Struct):
    """A tag of an image."""

    image_id: str
    tag: str


class Namespace(msgspec.Struct, kw_only=True):
    """A namespace of metadata definitions; public or private."""

    id: str
    namespace: str
    display_name: str | None
    description: str | None
    visibility: str
    protected: bool
    owner: str
    created_at: int
    updated_at: int


class Item(msgspec.Struct, kw_only=True):
    """What a namespace holds: an object, a property, a tag, or an association with a type of resource."""

    namespace_id: str
    kind: str
    name: str
    content: dict[str, Any]
    created_at: int
    updated_at: int


class ResourceType(msgspec.Struct, kw_only=True):
    """A type of resource that metadata definitions may be for."""

    name: str
    created_at: int
    updated_at: int


class Task(msgspec.Struct, kw_only=True):
    """Work that is done apart from a request; ``image_id``: what it works on. ``expires_at`` 0: it goes on."""

    id: str
    type: str
    status: str
    owner: str
    image_id: str | None = None
    user_id: str | None = None
    request_id: str | None = None
    input: dict[str, Any]
    result: dict[str, Any] | None = None
    message: str = ""
    created_at: int
    updated_at: int
    expires_at: int = 0
