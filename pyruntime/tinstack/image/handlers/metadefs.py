"""Metadata definitions. Source: Image API v2, Metadata definitions."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlencode

from tinstack.core.errors import Forbidden, NotFound
from tinstack.core.http import Request, Response, page_of
from tinstack.image import views
from tinstack.image.errors import Invalid
from tinstack.image.metadefs import ASSOCIATION, OBJECT, PROPERTY, TAG, Wanted
from tinstack.image.parts import Parts
from tinstack.image.rows import PRIVATE, PUBLIC, Item, Namespace
from tinstack.image.schemas.metadefs import SHOWN

PATH = "/v2/metadefs/namespaces"
SORT_KEYS = ("namespace", "created_at", "updated_at")
DEFAULT_PAGE = 25

Handler = Callable[[Request, Parts], Awaitable[Any]]


def _target(row: Namespace) -> dict[str, str]:
    return {"project_id": row.owner, "owner": row.owner, "visibility": row.visibility}


async def _namespace(request: Request, parts: Parts, rule: str) -> Namespace:
    """The namespace of the path for who may; 404 where the caller may not know of it."""
    request.may(rule, {})
    row = await parts.metadefs.visible(request.context, request.path["namespace"])
    request.authorize(rule, _target(row))
    return row


def _location(request: Request, *path: str) -> str:
    return request.root_url + "/".join((PATH, *(quote(part, safe=":") for part in path)))


# --- namespaces -------------------------------------------------------------------------------------


async def index(request: Request, parts: Parts) -> views.Body:
    """Namespaces that the caller sees; pages by marker."""
    query, page = request.query, page_of(request)
    visibility, sort_key = query.get("visibility"), query.get("sort_key", "created_at") or ""
    direction = query.get("sort_dir", "desc")
    if visibility not in (None, PUBLIC, PRIVATE):
        raise Invalid(f"Invalid visibility value: {visibility}.")
    if sort_key not in SORT_KEYS or direction not in ("asc", "desc"):
        raise Invalid(f"Namespaces are sorted by {', '.join(SORT_KEYS)}, asc or desc.")
    types = [name for name in (query.get("resource_types") or "").split(",") if name]
    wanted = Wanted(
        project=None if request.context.is_admin else request.project_id,
        visibility=visibility,
        resource_types=types,
        sort_key=sort_key,
        ascending=direction == "asc",
        marker=page.marker,
        limit=page.limit if page.explicit else DEFAULT_PAGE,
    )
    rows = await parts.metadefs.namespaces(wanted) if wanted.limit else []
    associations = await parts.metadefs.associations(rows)
    kept = [(key, value) for key, value in query.pairs if key != "marker"]
    body: views.Body = {
        "namespaces": [views.namespace(row, associations[row.id]) for row in rows],
        "schema": "/v2/schemas/metadefs/namespaces",
        "first": f"{PATH}?{urlencode(kept)}" if kept else PATH,
    }
    if rows and len(rows) == wanted.limit:
        body["next"] = f"{PATH}?{urlencode([*kept, ('marker', rows[-1].namespace)])}"
    return body


async def create(request: Request, parts: Parts) -> Response:
    """A new namespace with all that it holds."""
    row = await parts.metadefs.create(request.body, request.project_id)
    found = await parts.metadefs.everything(row)
    return Response(201, views.whole_namespace(row, found), headers={"Location": _location(request, row.namespace)})


async def show(request: Request, parts: Parts) -> views.Body:
    """A namespace with all that it holds; ``resource_type``: properties as that type prefixes them."""
    row = await _namespace(request, parts, "get_metadef_namespace")
    found = await parts.metadefs.everything(row)
    return views.whole_namespace(row, found, _prefix(found[ASSOCIATION], request.query.get("resource_type")))


def _prefix(associations: list[Item], resource_type: str | None) -> str:
    return next((str(one.content.get("prefix", "")) for one in associations if one.name == resource_type), "")


async def update(request: Request, parts: Parts) -> views.Body:
    """Change what is said of the namespace itself."""
    row = await _namespace(request, parts, "modify_metadef_namespace")
    changed = await parts.metadefs.update(row, request.body)
    return views.namespace(changed)


async def delete(request: Request, parts: Parts) -> None:
    """A namespace with all that it holds."""
    await parts.metadefs.delete(await _namespace(request, parts, "delete_metadef_namespace"))


# --- objects, properties, tags, associations: what is alike ------------------------------------------


def _refuse_protected(row: Namespace) -> None:
    if row.protected:
        raise Forbidden(f"Namespace {row.namespace} is protected: nothing in it can be deleted.")


def shower(kind: str, rule: str) -> Handler:
    """The handler that shows one."""

    async def handler(request: Request, parts: Parts) -> views.Body:
        row = await _namespace(request, parts, rule)
        name, prefix = request.path["name"], ""
        if kind == PROPERTY and (resource_type := request.query.get("resource_type")):
            prefix = _prefix(await parts.metadefs.items(row, ASSOCIATION), resource_type)
            if prefix and not name.startswith(prefix):
                raise NotFound(f"Property {name} does not start with the expected prefix {prefix}.")
            name = name.removeprefix(prefix)
        return views.item(row, await parts.metadefs.item(row, kind, name), prefix)

    return handler


def adder(kind: str, rule: str) -> Handler:
    """The handler that adds one."""

    async def handler(request: Request, parts: Parts) -> Response:
        row = await _namespace(request, parts, rule)
        made = await parts.metadefs.add(row, kind, request.body)
        where = {OBJECT: "objects", PROPERTY: "properties", ASSOCIATION: "resource_types"}[kind]
        headers = {"Location": _location(request, row.namespace, where, made.name)}
        return Response(201, views.item(row, made), headers=headers)

    return handler


def changer(kind: str, rule: str) -> Handler:
    """The handler that replaces one."""

    async def handler(request: Request, parts: Parts) -> views.Body:
        row = await _namespace(request, parts, rule)
        before = await parts.metadefs.item(row, kind, request.path["name"])
        return views.item(row, await parts.metadefs.change(row, before, request.body))

    return handler


def remover(kind: str, rule: str) -> Handler:
    """The handler that removes one, or all where the path names none."""

    async def handler(request: Request, parts: Parts) -> None:
        row = await _namespace(request, parts, rule)
        _refuse_protected(row)
        await parts.metadefs.remove(row, kind, request.path.get("name"))

    return handler


# --- and what is not ----------------------------------------------------------------------------------


async def objects(request: Request, parts: Parts) -> views.Body:
    """The objects of a namespace."""
    row = await _namespace(request, parts, "get_metadef_objects")
    found = await parts.metadefs.items(row, OBJECT)
    shown, more = _paged(request, found, f"{PATH}/{row.namespace}/objects")
    return {"objects": [views.item(row, one) for one in shown], "schema": "/v2/schemas/metadefs/objects", **more}


def _paged(request: Request, found: list[Item], path: str) -> tuple[list[Item], dict[str, str]]:
    """The page that is asked for, with its links."""
    page = page_of(request)
    names = [one.name for one in found]
    if page.marker is not None:
        if page.marker not in names:
            raise NotFound(f"The marker {page.marker} was not found.")
        found = found[names.index(page.marker) + 1 :]
    more = {"first": path}
    if page.explicit and 0 < page.limit < len(found):
        found = found[: page.limit]
        more["next"] = f"{path}?{urlencode([('limit', page.limit), ('marker', found[-1].name)])}"
    return found, more


async def properties(request: Request, parts: Parts) -> views.Body:
    """The properties of a namespace by name, as a type of resource prefixes them where one is named."""
    row = await _namespace(request, parts, "get_metadef_properties")
    found = await parts.metadefs.everything(row)
    prefix = _prefix(found[ASSOCIATION], request.query.get("resource_type"))
    return {"properties": views.properties(found[PROPERTY], prefix)}


async def tags(request: Request, parts: Parts) -> views.Body:
    """The tags of a namespace."""
    row = await _namespace(request, parts, "get_metadef_tags")
    shown, more = _paged(request, await parts.metadefs.items(row, TAG), f"{PATH}/{row.namespace}/tags")
    return {"tags": [{"name": one.name} for one in shown], "schema": "/v2/schemas/metadefs/tags", **more}


async def set_tags(request: Request, parts: Parts) -> views.Body:
    """Replace all tags; with ``X-Openstack-Append: True`` add to them."""
    row = await _namespace(request, parts, "add_metadef_tags")
    append = (request.header("X-Openstack-Append") or "").lower() == "true"
    names = [one["name"] for one in request.body["tags"]]
    if not append:
        _refuse_protected(row)
    made = await parts.metadefs.set_tags(row, names, append=append)
    return {"tags": [{"name": one.name} for one in made]}


async def add_tag(request: Request, parts: Parts) -> Response:
    """One more tag, named by the path."""
    row = await _namespace(request, parts, "add_metadef_tag")
    name = request.path["name"]
    if not 0 < len(name) <= 255:
        raise Invalid("A tag has 1 to 255 characters.")
    made = await parts.metadefs.add(row, TAG, {"name": name})
    headers = {"Location": _location(request, row.namespace, "tags", name)}
    return Response(201, views.item(row, made), headers=headers)


async def associations(request: Request, parts: Parts) -> views.Body:
    """The types of resources that a namespace is for."""
    row = await _namespace(request, parts, "get_metadef_resource_type")
    found = await parts.metadefs.items(row, ASSOCIATION)
    return {"resource_type_associations": [views.item(row, one) for one in found]}


async def resource_types(request: Request, parts: Parts) -> views.Body:
    """All known types of resources."""
    return {"resource_types": [views.resource_type(row) for row in await parts.metadefs.resource_types()]}


async def schema(request: Request, parts: Parts) -> views.Body:
    """A JSON schema by name."""
    found = SHOWN.get(request.path["name"])
    if found is None:
        raise NotFound
    return found
