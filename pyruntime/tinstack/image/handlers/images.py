"""Images: create, list, show, update, delete, tags, deactivate and reactivate."""

from urllib.parse import urlencode

from tinstack.core import crash
from tinstack.core.errors import Forbidden, UnsupportedMediaType
from tinstack.core.http import Request, Response
from tinstack.image import changes, filters, store, views
from tinstack.image.errors import Invalid, NoSuchImage
from tinstack.image.imports import METHODS
from tinstack.image.parts import Parts, target
from tinstack.image.rows import COMMUNITY, PUBLIC, Image

PATCH_2_1 = "application/openstack-images-v2.1-json-patch"
PATCH_2_0 = "application/openstack-images-v2.0-json-patch"


def _may_be_so_visible(request: Request, image: Image) -> None:
    if image.visibility == PUBLIC:
        request.authorize("publicize_image", target(image))
    elif image.visibility == COMMUNITY:
        request.authorize("communitize_image", target(image))


async def create(request: Request, parts: Parts) -> Response:
    """A queued image without data."""
    body = request.body
    if not isinstance(body, dict):
        raise Invalid("The body must be a JSON object.")
    image, tags = changes.new_image(body, request.project_id)
    if image.owner != request.project_id and not request.context.is_admin:
        raise Forbidden(f"You are not permitted to create images owned by '{image.owner}'.")
    request.authorize("add_image", target(image))
    _may_be_so_visible(request, image)
    await parts.images.create(image, tags)
    headers = {
        "Location": f"{request.root_url}/v2/images/{image.id}",
        "OpenStack-image-import-methods": ",".join(METHODS),
        "OpenStack-image-store-ids": ",".join(parts.stores.names),
    }
    return Response(201, views.image(image, sorted(set(tags))), headers=headers)


async def index(request: Request, parts: Parts) -> views.Body:
    """Images that the caller sees; pages by marker."""
    if request.context.launch is not None:
        raise Forbidden("A launch token gets the one image that it names.")
    wanted = filters.wanted(request)
    marker = request.query.get("marker")
    if marker is not None:
        wanted.after = await parts.database.one(store.IMAGE, Image, key=marker)
        if wanted.after is None:
            raise Invalid(f"The marker {marker} is no image.")
    rows = await store.images(parts.database, wanted) if wanted.limit else []
    tags = await store.tags(parts.database, [row.id for row in rows if row.tagged])
    kept = [(key, value) for key, value in request.query.pairs if key != "marker"]
    first = f"?{urlencode(kept)}" if kept else ""
    body: views.Body = {
        "images": [views.image(row, tags.get(row.id, [])) for row in rows],
        "schema": "/v2/schemas/images",
        "first": f"/v2/images{first}",
    }
    if rows and len(rows) == wanted.limit:
        body["next"] = f"/v2/images?{urlencode([('marker', rows[-1].id), *kept])}"
    return body


async def show(request: Request, parts: Parts) -> views.Body:
    """An image (step 21; with a launch token the check of step 20 is noted)."""
    parts.trace_token(request)
    image = await parts.image(request)
    if request.context.launch is None:
        request.authorize("get_image", target(image, request.project_id))
    request.authorized = True
    if request.context.launch is None:
        return views.image(image, await parts.images.tags(image.id))
    with crash.around(21):
        return views.image(image, await parts.images.tags(image.id))


async def update(request: Request, parts: Parts) -> views.Body:
    """A JSON patch."""
    media = (request.header("Content-Type") or "").split(";")[0].strip().lower()
    if media not in (PATCH_2_0, PATCH_2_1):
        raise UnsupportedMediaType(f"The content type must be {PATCH_2_1}.")
    image = await parts.image(request)
    request.authorize("modify_image", target(image))
    was = image.visibility
    tags = changes.patch(image, await parts.images.tags(image.id), changes.operations(request.body, media == PATCH_2_1))
    if image.visibility != was:
        _may_be_so_visible(request, image)
    if image.owner != request.project_id:
        request.authorize("modify_image", target(image))
    await parts.images.save(image, tags)
    return views.image(image, tags)


async def delete(request: Request, parts: Parts) -> None:
    """An image and its data."""
    image = await parts.image(request)
    request.authorize("delete_image", target(image))
    await parts.images.delete(image)


async def delete_nothing(request: Request, parts: Parts) -> None:
    """DELETE /v2/images/ names no image."""
    raise NoSuchImage(id="")


async def add_tag(request: Request, parts: Parts) -> None:
    """One more tag."""
    image = await parts.image(request)
    request.authorize("modify_image", target(image))
    if not 0 < len(request.path["tag"]) <= 255:
        raise Invalid("A tag has 1 to 255 characters.")
    await parts.images.add_tag(image, request.path["tag"])


async def remove_tag(request: Request, parts: Parts) -> None:
    """One tag less."""
    image = await parts.image(request)
    request.authorize("modify_image", target(image))
    await parts.images.remove_tag(image, request.path["tag"])


async def deactivate(request: Request, parts: Parts) -> None:
    """No downloads for users from now on."""
    image = await parts.image(request)
    request.authorize("deactivate", target(image))
    await parts.images.set_active(image, False)


async def reactivate(request: Request, parts: Parts) -> None:
    """Downloads again."""
    image = await parts.image(request)
    request.authorize("reactivate", target(image))
    await parts.images.set_active(image, True)
