"""The data of images: upload and download. Source: Image API v2 reference, Image data."""

import re

from tinstack.core.errors import Forbidden, RangeNotSatisfiable, UnsupportedMediaType
from tinstack.core.http import Request, Response
from tinstack.image.errors import NoSuchImage
from tinstack.image.imports import COPY
from tinstack.image.parts import Parts, target
from tinstack.image.rows import ACTIVE, DEACTIVATED

OCTETS = "application/octet-stream"


async def upload(request: Request, parts: Parts) -> None:
    """The whole data in one request, with or without a length. A host may fill the queued image that its launch token names."""
    if (request.header("Content-Type") or "").split(";")[0].strip().lower() != OCTETS:
        raise UnsupportedMediaType(f"The content type must be {OCTETS}.")
    image = await parts.image(request)
    if request.context.launch is None:
        request.authorize("upload_image", target(image))
    request.authorized = True
    [name] = parts.stores.chosen([named] if (named := request.header("X-Image-Meta-Store")) else [])
    await parts.images.upload(image, request.stream(), name)


async def stage(request: Request, parts: Parts) -> None:
    """The data, for an import that follows."""
    if (request.header("Content-Type") or "").split(";")[0].strip().lower() != OCTETS:
        raise UnsupportedMediaType(f"The content type must be {OCTETS}.")
    image = await parts.image(request)
    request.authorize("upload_image", target(image))
    await parts.imports.stage(image, request.stream())


async def import_image(request: Request, parts: Parts) -> None:
    """Begin to import."""
    image = await parts.image(request)
    rule = "copy_image" if request.body["method"]["name"] == COPY else "modify_image"
    request.authorize(rule, target(image))
    body = request.body
    if (named := request.header("X-Image-Meta-Store")) and not body.get("stores") and not body.get("all_stores"):
        body = {**body, "stores": [named]}
    await parts.imports.begin(request.context, image, body, request.request_id)


async def remove_from_store(request: Request, parts: Parts) -> None:
    """Forget the data in one of several stores."""
    image = await parts.image(request)
    request.authorize("delete_image_location", target(image))
    await parts.images.remove_from_store(image, request.path["store"])


async def download(request: Request, parts: Parts) -> Response:
    """All of it, or one range (206); 204 where there are no data yet. With a launch token the check of step 20 is noted."""
    parts.trace_token(request)
    image = await parts.image(request)
    if request.context.launch is None:
        request.authorize("download_image", target(image, request.project_id))
    request.authorized = True
    if image.status == DEACTIVATED and not request.context.is_admin:
        raise Forbidden("The requested image has been deactivated. Image data download is forbidden.")
    if image.status not in (ACTIVE, DEACTIVATED) or not image.size:
        return Response(204)
    start, end = _range(request, image.size)
    headers = {"Accept-Ranges": "bytes"}
    status = 200
    if (start, end) != (0, image.size) or request.header("Range"):
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{image.size}"
    elif image.checksum:
        headers["Content-MD5"] = image.checksum
    try:
        stream = await parts.stores.holding(image).read(image.id, start, end - start)
    except FileNotFoundError as error:
        raise NoSuchImage(f"The data of image {image.id} are not in the store.") from error
    return Response(status, stream=stream, length=end - start, content_type=OCTETS, headers=headers)


def _range(request: Request, size: int) -> tuple[int, int]:
    """(first byte, byte after the last). Raises RangeNotSatisfiable."""
    text = request.header("Range")
    if text is None:
        return 0, size
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", text.strip())
    if not match or match.groups() == ("", ""):
        raise _outside(size)
    first, last = match.groups()
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
    if start >= end:
        raise _outside(size)
    return start, end


def _outside(size: int) -> RangeNotSatisfiable:
    error = RangeNotSatisfiable()
    error.headers["Content-Range"] = f"bytes */{size}"
    return error
