"""Images up to 2.35, their metadata up to 2.38. Source: compute API reference, "Images (DEPRECATED)", "Image metadata"."""

from typing import Any
from urllib.parse import urlencode

from tinstack.api.errors import Invalid, TooMany
from tinstack.api.images import NOT_PROPERTIES
from tinstack.api.parts import Compute
from tinstack.api.proxy import through
from tinstack.api.schemas.words import is_uuid
from tinstack.api.views import API, Body, bookmark, links
from tinstack.core.clock import parse_iso
from tinstack.core.errors import NotFound
from tinstack.core.http import Page, Request, page_of
from tinstack.core.http.paging import next_link

STATUSES = {
    "active": "ACTIVE",
    "queued": "SAVING",
    "saving": "SAVING",
    "importing": "SAVING",
    "uploading": "SAVING",
    "deleted": "DELETED",
    "pending_delete": "DELETED",
    "killed": "ERROR",
}
PROGRESS = {"queued": 25, "saving": 50, "active": 100}
FILTERS = {"name": "name", "minRam": "min_ram", "minDisk": "min_disk", "type": "image_type", "server": "instance_uuid"}
PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}


class ImageNotFound(NotFound):
    """404: the project sees no such image."""

    code, message = "compute.images.not_found", "Image {id} could not be found."


class ItemNotFound(NotFound):
    """404: the image has no metadata item of that name."""

    code, message = "compute.images.item", "Metadata item was not found"


def _path(request: Request) -> str:
    id = request.path["image_id"]
    if not is_uuid(id):
        raise ImageNotFound(id=id)
    return f"/v2/images/{id}"


async def _image(request: Request, service: Compute) -> Body:
    path = _path(request)
    try:
        found: Body = (await through(service, request.context, "GET", "image", path)).json()
    except NotFound as error:
        raise ImageNotFound(id=request.path["image_id"]) from error
    return found


def _properties(image: Body) -> dict[str, str]:
    """What nova calls the metadata of an image: text all of it."""
    kept = {
        name: value for name, value in image.items() if name not in NOT_PROPERTIES and not name.startswith("owner_")
    }
    return {name: value if isinstance(value, str) else str(value) for name, value in kept.items() if value is not None}


def _links(image: Body, request: Request) -> list[Body]:
    alternate = {
        "rel": "alternate",
        "type": "application/vnd.openstack.image",
        "href": f"{request.root_url}/images/{image['id']}",
    }
    return [*links(request.root_url, "images", image["id"]), alternate]


def _brief(image: Body, request: Request) -> Body:
    return {"id": image["id"], "name": image.get("name"), "links": _links(image, request)}


def _detail(image: Body, request: Request) -> Body:
    metadata = _properties(image)
    shown = {
        **_brief(image, request),
        "status": STATUSES.get(image["status"], "UNKNOWN"),
        "progress": PROGRESS.get(image["status"], 0),
        "minRam": image.get("min_ram") or 0,
        "minDisk": image.get("min_disk") or 0,
        "created": image["created_at"],
        "updated": image["updated_at"],
        "metadata": metadata,
        "OS-EXT-IMG-SIZE:size": image.get("size"),
    }
    if "auto_disk_config" in metadata:
        shown["OS-DCF:diskConfig"] = "AUTO" if metadata["auto_disk_config"].lower() == "true" else "MANUAL"
    if "instance_uuid" in metadata:
        id = metadata["instance_uuid"]
        shown["server"] = {
            "id": id,
            "links": [links(request.root_url, "servers", id)[0], *bookmark(request.root_url, "servers", id)],
        }
    return shown


def _query(request: Request, page: Page) -> str:
    """The Image API's query for the one that was asked. Raises Invalid."""
    wanted: list[tuple[str, str]] = [("limit", str(page.limit))]
    if page.marker:
        wanted.append(("marker", page.marker))
    for name, value in request.query.pairs:
        if name == "changes-since":
            try:
                parse_iso(value)
            except ValueError as error:
                raise Invalid(f"Invalid changes-since: {value}") from error
            wanted.append(("updated_at", f"gte:{value}"))
        elif name == "status":
            wanted.append(
                ("status", next((its for its, ours in STATUSES.items() if ours == value.upper()), value.lower()))
            )
        elif name == "server":
            wanted.append((FILTERS[name], value.rpartition("/")[2]))
        elif name in FILTERS:
            wanted.append((FILTERS[name], value))
        elif name.startswith("property-"):
            wanted.append((name.removeprefix("property-"), value))
    return urlencode(wanted)


async def _list(request: Request, service: Compute, path: str) -> tuple[list[Body], Body]:
    """The images, and the link to the next ones."""
    page = page_of(request, service.config.page_limit)
    if page.limit == 0:
        return [], {}
    try:
        answer = await through(service, request.context, "GET", "image", f"/v2/images?{_query(request, page)}")
    except NotFound as error:
        raise Invalid(f"marker [{page.marker}] not found") from error
    found: list[Body] = answer.json()["images"]
    more = next_link(request, f"{API}{path}", found, page, lambda image: str(image["id"])) if page.explicit else None
    return found, {"images_links": more} if more else {}


async def index(request: Request, service: Compute) -> Body:
    """``GET /images``."""
    found, more = await _list(request, service, "/images")
    return {"images": [_brief(image, request) for image in found], **more}


async def detail(request: Request, service: Compute) -> Body:
    """``GET /images/detail``."""
    found, more = await _list(request, service, "/images/detail")
    return {"images": [_detail(image, request) for image in found], **more}


async def show(request: Request, service: Compute) -> Body:
    """``GET /images/{id}``."""
    return {"image": _detail(await _image(request, service), request)}


async def delete(request: Request, service: Compute) -> None:
    """``DELETE /images/{id}``."""
    try:
        await through(service, request.context, "DELETE", "image", _path(request))
    except NotFound as error:
        raise ImageNotFound(id=request.path["image_id"]) from error


# --- metadata -------------------------------------------------------------------------------------


async def _write(request: Request, service: Compute, before: dict[str, str], after: dict[str, str]) -> None:
    """Make the properties ``after``. Raises Invalid, TooMany."""
    if len(after) > service.default_quotas["metadata_items"]:
        raise TooMany("Image metadata limit exceeded")
    for name in after:
        if name in NOT_PROPERTIES:
            raise Invalid(f"Image property '{name}' is not one that metadata may set.")
    changes: list[dict[str, Any]] = [
        {"op": "replace" if name in before else "add", "path": _pointer(name), "value": value}
        for name, value in after.items()
        if before.get(name) != value
    ]
    changes += [{"op": "remove", "path": _pointer(name)} for name in before if name not in after]
    if changes:
        await through(service, request.context, "PATCH", "image", _path(request), json=changes, headers=PATCH)


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


async def metadata(request: Request, service: Compute) -> Body:
    """``GET /images/{id}/metadata``."""
    return {"metadata": _properties(await _image(request, service))}


async def add_metadata(request: Request, service: Compute) -> Body:
    """``POST /images/{id}/metadata``."""
    before = _properties(await _image(request, service))
    after = {**before, **request.body["metadata"]}
    await _write(request, service, before, after)
    return {"metadata": after}


async def set_metadata(request: Request, service: Compute) -> Body:
    """``PUT /images/{id}/metadata``."""
    before = _properties(await _image(request, service))
    await _write(request, service, before, request.body["metadata"])
    return {"metadata": request.body["metadata"]}


async def item(request: Request, service: Compute) -> Body:
    """``GET /images/{id}/metadata/{key}``."""
    found, key = _properties(await _image(request, service)), request.path["key"]
    if key not in found:
        raise ItemNotFound
    return {"meta": {key: found[key]}}


async def set_item(request: Request, service: Compute) -> Body:
    """``PUT /images/{id}/metadata/{key}``."""
    before, key = _properties(await _image(request, service)), request.path["key"]
    if list(request.body["meta"]) != [key]:
        raise Invalid("Request body and URI mismatch")
    await _write(request, service, before, {**before, **request.body["meta"]})
    return {"meta": request.body["meta"]}


async def delete_item(request: Request, service: Compute) -> None:
    """``DELETE /images/{id}/metadata/{key}``."""
    before, key = _properties(await _image(request, service)), request.path["key"]
    if key not in before:
        raise ItemNotFound
    await _write(request, service, before, {name: value for name, value in before.items() if name != key})
