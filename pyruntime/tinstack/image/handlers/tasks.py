"""Tasks, for operators; and the tasks of one image. Source: Image API v2, Tasks."""

from urllib.parse import urlencode

from tinstack.core.http import Request, Response, page_of
from tinstack.image import views
from tinstack.image.errors import Invalid
from tinstack.image.parts import Parts, target
from tinstack.image.tasks import copy

PATH = "/v2/tasks"
DEFAULT_PAGE = 25
FILTERS = ("type", "status")


async def index(request: Request, parts: Parts) -> views.Body:
    """Tasks, the newest first; pages by marker."""
    page = page_of(request)
    wanted = {name: value for name in FILTERS if (value := request.query.get(name)) is not None}
    marker = await parts.tasks.one(page.marker) if page.marker is not None else None
    limit = page.limit if page.explicit else DEFAULT_PAGE
    rows = await parts.tasks.page(wanted, marker, limit) if limit else []
    kept = [(key, value) for key, value in request.query.pairs if key != "marker"]
    body: views.Body = {
        "tasks": [views.task(row, whole=False) for row in rows],
        "schema": "/v2/schemas/tasks",
        "first": f"{PATH}?{urlencode(kept)}" if kept else PATH,
    }
    if rows and len(rows) == limit:
        body["next"] = f"{PATH}?{urlencode([*kept, ('marker', rows[-1].id)])}"
    return body


async def create(request: Request, parts: Parts) -> Response:
    """Begin to make an image of data from the web."""
    given = request.body
    missing = [
        name for name in ("import_from", "import_from_format", "image_properties") if not given["input"].get(name)
    ]
    if missing:
        raise Invalid(f"Input does not contain {', '.join(missing)}.")
    task = await parts.imports.begin_task(request.context, given["input"], request.request_id)
    headers = {"Location": f"{request.root_url}{PATH}/{task.id}"}
    return Response(201, views.task(copy(task)), headers=headers)


async def show(request: Request, parts: Parts) -> views.Body:
    """One task."""
    return views.task(await parts.tasks.one(request.path["task_id"]))


async def of_image(request: Request, parts: Parts) -> views.Body:
    """The tasks that worked on an image."""
    image = await parts.image(request)
    request.authorize("get_image", target(image, request.project_id))
    found = [views.task_of_image(row) for row in await parts.tasks.of_image(image.id)]
    return {"tasks": found, "schema": "/v2/schemas/tasks"}
