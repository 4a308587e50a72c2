"""Tags of resources: kept with the resource, a change of them is a revision of it. Source: API reference, Tags."""

from collections.abc import Callable
from typing import Any

from tinstack.core.errors import BadRequest, NotFound
from tinstack.network.server import store
from tinstack.network.server.change import Change, Changes

MOST = 50


class TagResourceNotFound(NotFound):
    code, message = "network.tag.resource", "Resource {resource} {resource_id} could not be found."


class TagNotFound(NotFound):
    code, message = "network.tag.not_found", "Tag {tag} could not be found."


class TooManyTags(BadRequest):
    code, message = "network.tag.many", "The number of tags exceeds the maximum of {most}."


async def change(
    changes: Changes, resource: store.Resource[Any], id: str, edit: Callable[[list[str]], list[str]]
) -> list[str]:
    """The new tags, in order. Raises TagResourceNotFound, TooManyTags and what ``edit`` does."""

    async def work(change: Change) -> list[str]:
        row = await resource.get(change.tx, id)
        if row is None:
            raise TagResourceNotFound(resource=resource.table.name, resource_id=id)
        new = sorted(set(edit(row.tags)))
        if len(new) > MOST:
            raise TooManyTags(most=MOST)
        if new != row.tags:
            row.tags = new
            await resource.save(change.tx, row, change.now)
        return new

    return await changes.run(work)
