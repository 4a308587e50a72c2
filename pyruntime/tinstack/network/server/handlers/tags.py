"""Tags of everything that has them. Source: API reference, Tags."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from tinstack.core.http import Request
from tinstack.network.server import sharing, store, tags
from tinstack.network.server.errors import HTTPBadRequest
from tinstack.network.server.handlers import ports, subnets
from tinstack.network.server.handlers.common import Body, shared_target, target
from tinstack.network.server.parts import Parts
from tinstack.network.server.policies import tag_rule
from tinstack.network.server.rows import Standard
from tinstack.network.server.tags import TagNotFound, TagResourceNotFound

Handler = Callable[[Request, Parts], Awaitable[Any]]


class Taggable(NamedTuple):
    """``path``: the collection's; ``noun``: in policy rules; ``kind``: in RBAC policies."""

    path: str
    noun: str
    resource: store.Resource[Any]
    kind: str = ""


TAGGABLE = [
    Taggable("networks", "network", store.networks),
    Taggable("subnets", "subnet", store.subnets),
    Taggable("subnetpools", "subnetpool", store.subnetpools),
    Taggable("ports", "port", store.ports),
    Taggable("routers", "router", store.routers),
    Taggable("floatingips", "floatingip", store.floatingips),
    Taggable("security-groups", "security_group", store.groups),
    Taggable("security-group-rules", "security_group_rule", store.rules),
    Taggable("address-groups", "address_group", store.address_groups),
    Taggable("trunks", "trunk", store.trunks),
    Taggable("policies", "policy", store.qos_policies, "qos_policy"),
    Taggable("qos/policies", "policy", store.qos_policies, "qos_policy"),
]


async def _found(request: Request, parts: Parts, kind: Taggable, action: str) -> Standard:
    """The tagged resource; 404 unless the caller sees it, 403 unless he may. Raises TagResourceNotFound."""
    id = request.path["id"]
    row: Standard | None = await kind.resource.get(parts.db, id)
    if row is None:
        raise TagResourceNotFound(resource=kind.noun, resource_id=id)
    on = await _target(request, parts, kind, row)
    if not request.may(f"get_{kind.noun}", on):
        raise TagResourceNotFound(resource=kind.noun, resource_id=id)
    request.authorize(tag_rule(action, kind.noun), on)
    return row


async def _target(request: Request, parts: Parts, kind: Taggable, row: Standard) -> Body:
    if kind.noun == "subnet":
        return (await subnets.found(request, parts, row.id))[1]
    if kind.noun == "port":
        return (await ports.found(request, parts, row.id))[1]
    shared_as = kind.kind or kind.noun
    return await shared_target(request, parts.db, shared_as, row) if shared_as in sharing.KINDS else target(row)


def _tag(request: Request) -> str:
    tag = request.path["tag"]
    if not 1 <= len(tag) <= 255:
        raise HTTPBadRequest(f"Invalid input for operation: '{tag}' exceeds maximum length of 255.")
    return tag


def handlers(kind: Taggable) -> dict[str, Handler]:
    """By what they do: index, replace, extend, clear, show, add, remove."""

    async def index(request: Request, parts: Parts) -> Body:
        return {"tags": (await _found(request, parts, kind, "get")).tags}

    async def replace(request: Request, parts: Parts) -> Body:
        row = await _found(request, parts, kind, "update")
        wanted: list[str] = request.body["tags"]
        return {"tags": await tags.change(parts.changes, kind.resource, row.id, lambda _: wanted)}

    async def extend(request: Request, parts: Parts) -> Body:
        row = await _found(request, parts, kind, "update")
        wanted: list[str] = request.body["tags"]
        return {"tags": await tags.change(parts.changes, kind.resource, row.id, lambda now: [*now, *wanted])}

    async def clear(request: Request, parts: Parts) -> None:
        row = await _found(request, parts, kind, "delete")
        await tags.change(parts.changes, kind.resource, row.id, lambda _: [])

    async def show(request: Request, parts: Parts) -> None:
        row = await _found(request, parts, kind, "get")
        if _tag(request) not in row.tags:
            raise TagNotFound(tag=_tag(request))

    async def add(request: Request, parts: Parts) -> None:
        row, tag = await _found(request, parts, kind, "update"), _tag(request)
        await tags.change(parts.changes, kind.resource, row.id, lambda now: [*now, tag])

    async def remove(request: Request, parts: Parts) -> None:
        row, tag = await _found(request, parts, kind, "delete"), _tag(request)

        def without(now: list[str]) -> list[str]:
            if tag not in now:
                raise TagNotFound(tag=tag)
            return [one for one in now if one != tag]

        await tags.change(parts.changes, kind.resource, row.id, without)

    return {
        "index": index,
        "replace": replace,
        "extend": extend,
        "clear": clear,
        "show": show,
        "add": add,
        "remove": remove,
    }
