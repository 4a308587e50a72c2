"""Block devices that a request names, checked with the volume service. Source: "Block device mapping in Nova"."""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec

from tinstack.api.errors import Invalid
from tinstack.api.numbers import number
from tinstack.api.parts import Compute
from tinstack.api.schemas.words import is_uuid, truth
from tinstack.api.user_calls import ask
from tinstack.conductor.rpc import RequestedVolume
from tinstack.core.client import RemoteError
from tinstack.core.context import Context

VOLUME = "block-storage"


class BadMapping(Invalid):
    """400: the block devices can't be as asked."""

    code, message = "compute.bdm", "Block Device Mapping is Invalid: {reason}"


class DevicePlan(msgspec.Struct, kw_only=True):
    """``image_id``: the root disk's image, None for a server that boots from a volume. ``volumes``: all other disks.

    ``source_image``: the image that a boot volume is made from; it is checked like any other.
    """

    image_id: str | None
    volumes: list[RequestedVolume]
    source_image: str | None = None

    @property
    def on_volume(self) -> bool:
        """Whether the root disk is a volume."""
        return self.image_id is None

    def each(self) -> list[RequestedVolume]:
        """The disks for one more server, with attachment ids chosen now."""
        return [msgspec.structs.replace(volume, attachment_id=str(uuid4())) for volume in self.volumes]


def _from_v1(devices: list[dict[str, Any]], image: str | None) -> list[dict[str, Any]]:
    """The older form: volumes and snapshots by device name; the first is booted where there is no image."""
    found: list[dict[str, Any]] = []
    for device in devices:
        if "no_device" in device and device["no_device"] is not None:
            continue
        one: dict[str, Any] = {
            key: device[key] for key in ("device_name", "volume_size", "delete_on_termination") if key in device
        }
        if device.get("volume_id"):
            one |= {"source_type": "volume", "uuid": device["volume_id"]}
        elif device.get("snapshot_id"):
            one |= {"source_type": "snapshot", "uuid": device["snapshot_id"]}
        else:
            raise BadMapping(reason="a device is a volume or a snapshot.")
        boots = not image and not found
        found.append({**one, "destination_type": "volume", "boot_index": 0 if boots else -1})
    return found


async def plan(compute: Compute, context: Context, body: dict[str, Any], count: int) -> DevicePlan:
    """From the body's ``imageRef`` and mappings. Raises BadMapping, Invalid."""
    image = body.get("imageRef") or None
    if "block_device_mapping" in body and "block_device_mapping_v2" in body:
        raise Invalid("Using different block_device_mapping syntaxes is not allowed in the same request.")
    devices = body.get("block_device_mapping_v2") or _from_v1(body.get("block_device_mapping") or [], image)
    made = DevicePlan(image_id=image, volumes=[])
    indexes: set[int] = set()
    for device in devices:
        index = _boot_index(device, indexes)
        if device.get("source_type") == "image" and device.get("destination_type", "local") == "local":
            _root_image(made, device, image, index)
            continue
        volume = await _volume(compute, context, device, index, count)
        made.volumes.append(volume)
        if index == 0:
            if image:
                raise BadMapping(reason="Boot sequence for the instance and image/block device mapping is not valid.")
            made.source_image = volume.source_id if volume.source == "image" else None
    if not image and 0 not in indexes:
        if devices:
            raise BadMapping(reason="Boot sequence for the instance and image/block device mapping is not valid.")
        raise Invalid("Invalid imageRef provided.")
    if indexes and sorted(index for index in indexes) != list(range(min(indexes), min(indexes) + len(indexes))):
        raise BadMapping(reason="Boot sequence for the instance and image/block device mapping is not valid.")
    return made


def _boot_index(device: dict[str, Any], seen: set[int]) -> int | None:
    text = device.get("boot_index")
    if text is None:
        return None
    index = int(text)
    if index < 0:
        return None
    if index in seen:
        raise BadMapping(reason="Boot sequence for the instance and image/block device mapping is not valid.")
    seen.add(index)
    return index


def _root_image(made: DevicePlan, device: dict[str, Any], image: str | None, index: int | None) -> None:
    """The mapping that says what ``imageRef`` says already."""
    if index != 0:
        raise BadMapping(reason="Mapping image to local is not supported.")
    if image and device.get("uuid") != image:
        raise BadMapping(reason="the image of the mapping is not the imageRef.")
    made.image_id = device.get("uuid")


async def _volume(
    compute: Compute, context: Context, device: dict[str, Any], index: int | None, count: int
) -> RequestedVolume:
    source = device.get("source_type")
    id = device.get("uuid")
    if source is None:
        raise BadMapping(reason="Missing device source_type.")
    if source != "blank" and not id:
        raise BadMapping(reason=f"Missing uuid of the {source}.")
    size = number(device["volume_size"], "volume_size", 1) if device.get("volume_size") else None
    if source == "volume":
        if count > 1:
            raise Invalid("Can not attach the same volume to several servers.")
        await _check_volume(compute, context, str(id))
    if source in ("image", "blank") and size is None:
        raise BadMapping(reason="Images and blank devices with destination_type 'volume' need a non-zero size.")
    return RequestedVolume(
        attachment_id="",
        source=source if device.get("destination_type") != "local" else "local",
        source_id=None if source in ("volume", "blank") else id,
        volume_id=id if source == "volume" else None,
        size_gib=size,
        boot_index=index,
        device=device.get("device_name"),
        delete_on_termination=truth(device.get("delete_on_termination", False)),
        tag=device.get("tag"),
    )


async def find_volume(compute: Compute, context: Context, id: str) -> Any:
    """A volume that the caller sees; None where there is none."""
    if not is_uuid(id):
        return None
    try:
        return (await ask(compute, context, "GET", VOLUME, f"/volumes/{quote(id)}")).json()["volume"]
    except RemoteError as error:
        if error.remote_status in (400, 403, 404):
            return None
        raise


async def _check_volume(compute: Compute, context: Context, id: str) -> None:
    volume = await find_volume(compute, context, id)
    if volume is None:
        raise BadMapping(reason=f"failed to get volume {id}.")
    if volume["status"] != "available" and not (volume.get("multiattach") and volume["status"] == "in-use"):
        raise Invalid(f"Invalid volume: Volume {id} is '{volume['status']}' and must be 'available' to be attached.")
