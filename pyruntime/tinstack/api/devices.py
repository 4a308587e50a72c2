"""Block devices that a request names, checked with the image and volume services. Source: "Block device mapping in Nova"."""

from typing import Any, Literal
from uuid import uuid4

import msgspec

from tinstack.api import images, volume_sources
from tinstack.api.disk_names import BadDevicePath, DevicePathInUse, Names, letters_of, prefix_of
from tinstack.api.errors import Invalid
from tinstack.api.images import Image
from tinstack.api.numbers import number
from tinstack.api.parts import Compute
from tinstack.api.schemas.words import truth
from tinstack.api.volume_sources import BadMapping
from tinstack.computedb.flavors import Flavor
from tinstack.conductor.rpc import RequestedVolume
from tinstack.core.context import Context

BAD_SEQUENCE = "Boot sequence for the instance and image/block device mapping is not valid."
LOCAL = "local"
"""The source of a disk of the host's own: ephemeral, or swap."""

Json = dict[str, Any]


class _Mapped(msgspec.Struct, kw_only=True):
    """A disk as an image's ``block_device_mapping`` has it; whoever may change the image may have written it."""

    source_type: Literal["volume", "snapshot", "image", "blank"]
    destination_type: Literal["volume", "local"] = "volume"
    boot_index: int | None = None
    device_name: str | None = None
    volume_size: int | None = None
    delete_on_termination: bool | None = None
    tag: str | None = None
    guest_format: str | None = None
    volume_type: str | None = None
    volume_id: str | None = None
    snapshot_id: str | None = None
    image_id: str | None = None
    no_device: bool | None = None


class DevicePlan(msgspec.Struct, kw_only=True):
    """``image_id``: the root disk's image, None for a server that boots from a volume. ``volumes``: all other disks.

    ``image``: what it (or the boot volume) is made from; ``properties``: what that says of the guest's hardware.
    """

    image_id: str | None
    volumes: list[RequestedVolume]
    image: Image | None = None
    properties: Json = {}
    root_device: str = "/dev/vda"

    @property
    def on_volume(self) -> bool:
        """Whether the root disk is a volume."""
        return self.image_id is None

    def each(self) -> list[RequestedVolume]:
        """The disks for one more server, with the ids of attachments and of volumes that are to be made chosen now."""
        return [
            msgspec.structs.replace(
                volume,
                attachment_id=str(uuid4()),
                volume_id=volume.volume_id if volume.source in ("volume", LOCAL) else str(uuid4()),
            )
            for volume in self.volumes
        ]


def _from_v1(devices: list[Json], image: str | None) -> list[Json]:
    """The older form: volumes and snapshots by device name; the first is booted where there is no image."""
    found: list[Json] = []
    for device in devices:
        if "no_device" in device and device["no_device"] is not None:
            continue
        one: Json = {
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


async def plan(compute: Compute, context: Context, body: Json, count: int, flavor: Flavor) -> DevicePlan:
    """From the body's ``imageRef`` and mappings. Raises BadMapping, Invalid."""
    ref = body.get("imageRef") or None
    if "block_device_mapping" in body and "block_device_mapping_v2" in body:
        raise Invalid("Using different block_device_mapping syntaxes is not allowed in the same request.")
    devices = body.get("block_device_mapping_v2") or _from_v1(body.get("block_device_mapping") or [], ref)
    image = await images.find(compute, context, ref) if ref else None
    if image and "block_device_mapping" in image.properties:
        devices, ref = _with_image_mapping(image, devices), None
    made = DevicePlan(image_id=ref, volumes=[], image=image, properties=image.properties if image else {})
    await _add(compute, context, made, devices, ref, count)
    if made.image_id and made.image is None:
        made.image = await images.find(compute, context, made.image_id)
        made.properties = made.image.properties
    _check_local(made.volumes, flavor)
    _name(made, flavor)
    return made


async def _add(
    compute: Compute, context: Context, made: DevicePlan, devices: list[Json], ref: str | None, count: int
) -> None:
    indexes: set[int] = set()
    for device in devices:
        if device.get("no_device"):
            continue
        index = _boot_index(device, indexes)
        if device.get("source_type") == "image" and device.get("destination_type", LOCAL) == LOCAL:
            _root_image(made, device, ref, index)
            continue
        if index == 0:
            made.image_id = None
        volume = await _volume(compute, context, device, index, count, made)
        made.volumes.append(volume)
    if not ref and 0 not in indexes:
        if devices:
            raise BadMapping(reason=BAD_SEQUENCE)
        raise Invalid("Invalid imageRef provided.")
    if indexes and sorted(indexes) != list(range(min(indexes), min(indexes) + len(indexes))):
        raise BadMapping(reason=BAD_SEQUENCE)


def _with_image_mapping(image: Image, devices: list[Json]) -> list[Json]:
    """The disks of an image that was made of a server on volumes; the request's own come before those of the same name or turn."""
    try:
        read = msgspec.json.decode(image.properties["block_device_mapping"])
        mapped = msgspec.convert(read, list[_Mapped], strict=False)
    except (msgspec.DecodeError, msgspec.ValidationError, TypeError) as error:
        raise BadMapping(reason=f"the mapping of image {image.id} can't be read: {error}.") from error
    names = {one.get("device_name") for one in devices} - {None}
    turns = {str(one.get("boot_index")) for one in devices}
    kept: list[Json] = []
    for one in mapped:
        turn = one.boot_index
        if one.device_name in names or (turn is not None and turn >= 0 and str(turn) in turns):
            continue
        found = {key: value for key, value in msgspec.structs.asdict(one).items() if value is not None}
        kept.append({**found, "uuid": found.get(f"{one.source_type}_id")})
    return kept + devices


def _boot_index(device: Json, seen: set[int]) -> int | None:
    text = device.get("boot_index")
    if text is None:
        return None
    index = int(text)
    if index < 0:
        return None
    if index in seen:
        raise BadMapping(reason=BAD_SEQUENCE)
    seen.add(index)
    return index


def _root_image(made: DevicePlan, device: Json, image: str | None, index: int | None) -> None:
    """The mapping that says what ``imageRef`` says already."""
    if index != 0:
        raise BadMapping(reason="Mapping image to local is not supported.")
    if image and device.get("uuid") != image:
        raise BadMapping(reason="the image of the mapping is not the imageRef.")
    made.image_id = device.get("uuid")


async def _volume(
    compute: Compute, context: Context, device: Json, index: int | None, count: int, made: DevicePlan
) -> RequestedVolume:
    source, id = device.get("source_type"), device.get("uuid")
    if source is None:
        raise BadMapping(reason="Missing device source_type.")
    if source != "blank" and not id:
        raise BadMapping(reason=f"Missing uuid of the {source}.")
    size = number(device["volume_size"], "volume_size", 1) if device.get("volume_size") else None
    asked = RequestedVolume(
        attachment_id="",
        source=str(source),
        source_id=None if source in ("volume", "blank") else id,
        volume_id=id if source == "volume" else None,
        size_gib=size,
        boot_index=index,
        device=device.get("device_name"),
        delete_on_termination=truth(device.get("delete_on_termination", False)),
        tag=device.get("tag"),
        guest_format=device.get("guest_format"),
    )
    if device.get("destination_type", LOCAL if source == "blank" else "volume") == LOCAL:
        if source != "blank" or index is not None:
            raise BadMapping(reason=f"Mapping {source} to local is not supported.")
        return msgspec.structs.replace(asked, source=LOCAL)
    if source == "volume" and count > 1:
        raise Invalid("Can not attach the same volume to several servers.")
    found = await volume_sources.check(compute, context, asked, boots=index == 0)
    if index == 0:
        made.image = found.image or made.image
        made.properties = {**made.properties, **found.properties}
    kind = await volume_sources.type_id(compute, context, device.get("volume_type"))
    return msgspec.structs.replace(asked, size_gib=found.size_gib, volume_type=kind)


def _check_local(volumes: list[RequestedVolume], flavor: Flavor) -> None:
    """Disks of the host's own are the flavor's: as many, and as large at the most."""
    own = [one for one in volumes if one.source == LOCAL]
    swaps = [one for one in own if one.guest_format == "swap"]
    ephemerals = [one for one in own if one.guest_format != "swap"]
    if len(swaps) > 1 or len(ephemerals) > 1:
        raise BadMapping(reason="More local disks were given than a server has here: one ephemeral and one swap.")
    if sum(one.size_gib or flavor.ephemeral_gib for one in ephemerals) > flavor.ephemeral_gib or (
        ephemerals and not flavor.ephemeral_gib
    ):
        raise BadMapping(reason="Ephemeral disks requested are larger than the instance type allows.")
    if sum(one.size_gib or flavor.swap_mib for one in swaps) > flavor.swap_mib or (swaps and not flavor.swap_mib):
        raise BadMapping(reason="Swap drive requested is larger than instance type allows.")


def _name(made: DevicePlan, flavor: Flavor) -> None:
    """Every volume has a name: what was asked for first, the rest by their turn; the root disk the first letter."""
    prefix = prefix_of(made.properties)
    root = next((one for one in made.volumes if one.boot_index == 0), None)
    made.root_device = f"{prefix}a"
    if root and root.device:
        made.root_device = root.device if root.device.startswith("/dev/") else f"/dev/{root.device}"
    rest = [one for one in made.volumes if one is not root and one.source != LOCAL]
    found: dict[int, str] = {}
    try:
        letters_of(made.root_device)
        names = Names(prefix, 0, [], made.root_device)
        for one in (one for one in rest if one.device):
            found[id(one)] = names.take(one.device)
        for _ in range(bool(flavor.ephemeral_gib) + bool(flavor.swap_mib)):
            names.take(None)
        for one in (one for one in rest if not one.device):
            found[id(one)] = names.take(None)
    except (BadDevicePath, DevicePathInUse) as error:
        raise BadMapping(reason=error.text) from error
    made.volumes = [
        msgspec.structs.replace(one, device=made.root_device if one is root else found.get(id(one)))
        for one in made.volumes
    ]
