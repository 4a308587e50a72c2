"""Images as step 6 needs them: the image service's own answer, as our service, with the visibility of the user's project."""

from typing import Any
from urllib.parse import quote

import msgspec

from tinstack.api.errors import Invalid
from tinstack.api.parts import Compute
from tinstack.api.schemas.words import is_uuid
from tinstack.computedb.flavors import Flavor
from tinstack.conductor.rpc import FlavorDetails
from tinstack.core.client import RemoteError
from tinstack.core.context import Context

GIB = 1 << 30

NOT_PROPERTIES = {
    "id", "name", "status", "owner", "visibility", "size", "virtual_size", "min_disk", "min_ram", "disk_format",
    "container_format", "checksum", "os_hash_algo", "os_hash_value", "os_hidden", "protected", "tags", "created_at",
    "updated_at", "file", "self", "schema", "locations", "direct_url", "stores",
}  # fmt: skip
"""What the image service shows of an image beside its properties."""


class ImageNotFound(Invalid):
    """400: the body names an image that the project can't see."""

    code, message = "compute.image.not_found", "Image {id} could not be found."


class Image(msgspec.Struct, kw_only=True):
    """An image. Sizes in bytes; ``min_disk`` GiB, ``min_ram`` MiB."""

    id: str
    status: str
    owner: str | None
    visibility: str
    size: int
    min_disk: int
    min_ram: int
    properties: dict[str, Any]


def _parsed(body: dict[str, Any]) -> Image:
    return Image(
        id=body["id"],
        status=body["status"],
        owner=body.get("owner"),
        visibility=body.get("visibility", "private"),
        size=body.get("virtual_size") or body.get("size") or 0,
        min_disk=body.get("min_disk") or 0,
        min_ram=body.get("min_ram") or 0,
        properties={name: value for name, value in body.items() if name not in NOT_PROPERTIES},
    )


async def find(compute: Compute, context: Context, id: str) -> Image:
    """An image that the caller's project may use. Raises ImageNotFound."""
    if not is_uuid(id):
        raise ImageNotFound(id=id)
    try:
        answer = await compute.session.request("GET", "image", f"/v2/images/{quote(id)}")
    except RemoteError as error:
        if error.remote_status in (403, 404):
            raise ImageNotFound(id=id) from error
        raise
    image = _parsed(answer.json())
    if not await _may_use(compute, context, image):
        raise ImageNotFound(id=id)
    return image


async def _may_use(compute: Compute, context: Context, image: Image) -> bool:
    if context.is_admin or image.visibility in ("public", "community") or image.owner == context.project_id:
        return True
    if image.visibility != "shared" or not context.project_id:
        return False
    path = f"/v2/images/{quote(image.id)}/members/{quote(context.project_id)}"
    try:
        await compute.session.request("GET", "image", path)
    except RemoteError as error:
        if error.remote_status in (403, 404):
            return False
        raise
    return True


def check_fits(image: Image, flavor: Flavor | FlavorDetails, *, on_volume: bool = False) -> None:
    """Whether a server of that flavor can be made of it. Raises Invalid with Nova's sentences."""
    if image.status != "active":
        raise Invalid(f"Image {image.id} is not active.")
    if image.min_ram > flavor.ram_mib:
        raise Invalid("Flavor's memory is too small for requested image.")
    if on_volume or flavor.root_gib == 0:
        return
    disk = flavor.root_gib * GIB
    if image.size > disk:
        raise Invalid(
            f"Flavor's disk is too small for requested image. Flavor disk is {disk} bytes, image is {image.size} bytes."
        )
    if image.min_disk > flavor.root_gib:
        raise Invalid(
            "Flavor's disk is smaller than the minimum size specified in image metadata. "
            f"Flavor disk is {disk} bytes, minimum size is {image.min_disk * GIB} bytes."
        )
