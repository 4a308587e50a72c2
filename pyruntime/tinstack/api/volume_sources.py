"""What volumes are made from, or are already: looked at with the caller's own eyes before anything is made in his name."""

from typing import Any
from urllib.parse import quote

import msgspec

from tinstack.api import images
from tinstack.api.errors import Invalid
from tinstack.api.images import GIB, Image
from tinstack.api.parts import Compute
from tinstack.api.schemas.words import is_uuid
from tinstack.api.user_calls import ask
from tinstack.conductor.rpc import RequestedVolume
from tinstack.core.client import RemoteError
from tinstack.core.context import Context

VOLUME = "block-storage"
_NOT_PROPERTIES = {
    "image_id", "image_name", "checksum", "container_format", "disk_format", "min_disk", "min_ram", "size",
}  # fmt: skip


class BadMapping(Invalid):
    """400: the block devices can't be as asked."""

    code, message = "compute.bdm", "Block Device Mapping is Invalid: {reason}"


class Source(msgspec.Struct, kw_only=True):
    """``size_gib``: of the volume; ``properties``: what its image says of a guest that boots from it."""

    size_gib: int | None
    image: Image | None = None
    properties: dict[str, Any] = {}


async def find_volume(compute: Compute, context: Context, id: str) -> Any:
    """A volume that the caller sees; None where there is none."""
    return await _find(compute, context, "volume", id)


async def _find(compute: Compute, context: Context, kind: str, id: str) -> Any:
    if not is_uuid(id):
        return None
    try:
        return (await ask(compute, context, "GET", VOLUME, f"/{kind}s/{quote(id)}")).json()[kind]
    except RemoteError as error:
        if error.remote_status in (400, 403, 404):
            return None
        raise


async def check(compute: Compute, context: Context, asked: RequestedVolume, *, boots: bool) -> Source:
    """Raises BadMapping, Invalid. ``boots``: a guest is to boot from it."""
    if asked.source == "volume":
        return await _volume(compute, context, str(asked.volume_id), boots)
    if asked.source == "snapshot":
        return await _snapshot(compute, context, asked, boots)
    if asked.size_gib is None:
        reason = "Images with destination_type 'volume' need to have a non-zero size specified"
        if asked.source == "blank":
            reason = "Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size"
        raise BadMapping(reason=reason)
    if asked.source == "blank":
        if boots:
            raise BadMapping(reason="a blank volume can't be booted from.")
        return Source(size_gib=asked.size_gib)
    image = await images.find(compute, context, str(asked.source_id))
    _check_image(image, asked.size_gib)
    return Source(size_gib=asked.size_gib, image=image, properties=image.properties)


def _check_image(image: Image, size_gib: int) -> None:
    if image.status != "active":
        raise Invalid(f"Image {image.id} is not active.")
    least = max(image.size, image.min_disk * GIB)
    if size_gib * GIB < least:
        raise Invalid(
            "Volume is smaller than the minimum size specified in image metadata. "
            f"Volume size is {size_gib * GIB} bytes, minimum size is {least} bytes."
        )


async def _volume(compute: Compute, context: Context, id: str, boots: bool) -> Source:
    volume = await find_volume(compute, context, id)
    if volume is None:
        raise BadMapping(reason=f"failed to get volume {id}.")
    if volume["status"] != "available" and not (volume.get("multiattach") and volume["status"] == "in-use"):
        raise Invalid(f"Invalid volume: Volume {id} is '{volume['status']}' and must be 'available' to be attached.")
    if boots and volume["bootable"] != "true":
        raise BadMapping(reason=f"Volume {id} is not bootable.")
    return Source(size_gib=None, properties=properties_of(volume))


async def _snapshot(compute: Compute, context: Context, asked: RequestedVolume, boots: bool) -> Source:
    snapshot = await _find(compute, context, "snapshot", str(asked.source_id))
    if snapshot is None or snapshot["status"] != "available":
        raise BadMapping(reason=f"failed to get snapshot {asked.source_id}.")
    size = asked.size_gib or int(snapshot["size"])
    if size < snapshot["size"]:
        raise BadMapping(reason=f"a volume of {size} GiB is too small for snapshot {asked.source_id}.")
    volume = await find_volume(compute, context, snapshot["volume_id"]) if boots else None
    if volume and volume["bootable"] != "true":
        raise BadMapping(reason=f"Snapshot {asked.source_id} is not of a bootable volume.")
    return Source(size_gib=size, properties=properties_of(volume) if volume else {})


def properties_of(volume: dict[str, Any]) -> dict[str, Any]:
    """Of the image that a volume was made from."""
    known = volume.get("volume_image_metadata") or {}
    return {name: value for name, value in known.items() if name not in _NOT_PROPERTIES}


async def type_id(compute: Compute, context: Context, text: str | None) -> str | None:
    """A volume type that the caller may use, by id or name. Raises Invalid."""
    if not text:
        return None
    answer = await ask(compute, context, "GET", VOLUME, "/types?is_public=None")
    for one in answer.json()["volume_types"]:
        if text in (one["id"], one["name"]):
            return str(one["id"])
    raise Invalid(f"Volume type {text} could not be found.")
