"""The five operations of a plain resource (``tinstack.network.server.plain``), from one description of it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import uuid4

from tinstack.core.http import Request, Route
from tinstack.network.server import rows as r
from tinstack.network.server.bodies import Kind, authorize_attributes
from tinstack.network.server.handlers.common import Body, allowed, listed, shown, target, visible
from tinstack.network.server.listing import Listing
from tinstack.network.server.parts import Parts
from tinstack.network.server.plain import Plain
from tinstack.network.server.revisions import expected

R = TypeVar("R", bound=r.Standard)
USER = "user_token"


class Parent(NamedTuple):
    """Of a nested collection: the ``column`` that names it, and what gives the parent of a path if the caller sees it."""

    column: str
    found: Callable[[Request, Parts], Awaitable[r.Standard]]


class Noun(Generic[R]):
    """A kind of resource. ``rule``: its name in policy rules; ``new``: attributes (with ``id``, ``project_id``) → row; ``shows``:
    rows → bodies; ``values``: attributes of an update → columns; ``key``: what its id is called in the path.
    """

    def __init__(
        self,
        kind: Kind,
        rows: Plain[R],
        listing: Listing[R],
        *,
        new: Callable[[Body], R],
        shows: Callable[[Request, Parts, Sequence[R]], Awaitable[list[Body]]],
        values: Callable[[Body], Mapping[str, Any]] = dict,
        defaults: Mapping[str, Any] | None = None,
        parent: Parent | None = None,
        extra: Callable[[R], Body] = lambda row: {},
        rule: str = "",
        key: str = "id",
    ) -> None:
        self.kind, self.rows, self.listing = kind, rows, listing
        self._new, self._shows, self._values = new, shows, values
        self._defaults, self._parent, self._extra = dict(defaults or {}), parent, extra
        self.rule, self.key = rule or kind.singular, key

    def routes(self, path: str, *, update: bool = True) -> list[Route]:
        """``path``: the collection's."""
        one = f"{path}/{{{self.key}}}"
        return [
            Route("GET", path, self.index, USER),
            Route("POST", path, self.create, USER, body={}),
            Route("GET", one, self.show, USER),
            *([Route("PUT", one, self.update, USER, body={})] if update else []),
            Route("DELETE", one, self.delete, USER),
        ]

    async def _within(self, request: Request, parts: Parts) -> dict[str, str]:
        """What the path fixes. Raises the parent's 404."""
        if self._parent is None:
            return {}
        return {self._parent.column: (await self._parent.found(request, parts)).id}

    def target(self, row: R) -> Body:
        """What policy rules look at."""
        return target(row, **self._extra(row))

    async def found(self, request: Request, parts: Parts) -> R:
        """The resource of the path, if the caller sees it; else 404."""
        within = await self._within(request, parts)
        row = await self.rows.get(parts.db, request.path[self.key])
        missing = self.rows.missing(id=row.id)
        if any(getattr(row, column) != value for column, value in within.items()):
            raise missing
        visible(request, f"get_{self.rule}", self.target(row), missing)
        return row

    async def index(self, request: Request, parts: Parts) -> Body:
        """What the caller sees."""
        within = await self._within(request, parts)
        return await listed(
            request, parts, self.kind.plural, self.listing, self._shows, singular=self.rule, within=within
        )

    async def show(self, request: Request, parts: Parts) -> Body:
        """One."""
        row = await self.found(request, parts)
        return shown(request, self.kind.singular, (await self._shows(request, parts, [row]))[0])

    async def create(self, request: Request, parts: Parts) -> Body:
        """One or several; in a nested collection they belong to the parent's project."""
        parent = await self._parent.found(request, parts) if self._parent else None
        items, bulk = self.kind.created(request)
        rows = []
        for item in items:
            if parent is not None and self._parent is not None:
                item |= {"project_id": parent.project_id, self._parent.column: parent.id}
            on = {"project_id": item["project_id"], "tenant_id": item["project_id"]}
            request.authorize(f"create_{self.rule}", on)
            authorize_attributes(request, f"create_{self.rule}", item, on, self._defaults)
            rows.append(self._new({**item, "id": str(uuid4())}))
        made = await self.rows.create(parts.changes, rows)
        return self.kind.answer(await self._shows(request, parts, made), bulk=bulk)

    async def update(self, request: Request, parts: Parts) -> Body:
        """Change attributes."""
        row = await self.found(request, parts)
        item = self.kind.updated(request)
        request.authorize(f"update_{self.rule}", self.target(row))
        authorize_attributes(request, f"update_{self.rule}", item, self.target(row), {})
        changed = await self.rows.update(parts.changes, row.id, self._values(item), expected(request))
        return {self.kind.singular: (await self._shows(request, parts, [changed]))[0]}

    async def delete(self, request: Request, parts: Parts) -> None:
        """Remove it."""
        row = await self.found(request, parts)
        allowed(request, "delete", self.rule, self.target(row), self.rows.missing(id=row.id))
        await self.rows.delete(parts.changes, row.id, expected(request))


def simply(view: Callable[[R], Body]) -> Callable[[Request, Parts, Sequence[R]], Awaitable[list[Body]]]:
    """``shows`` of a kind whose rows tell all."""

    async def shows(request: Request, parts: Parts, rows: Sequence[R]) -> list[Body]:
        return [view(row) for row in rows]

    return shows
