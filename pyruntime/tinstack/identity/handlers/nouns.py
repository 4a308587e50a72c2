"""Nouns that are rows and nothing more: shown as they are, listed, changed field by field, forgotten.

They are read from the database. What a noun has beside that (how it is made, what must be true of it) stands in its own module.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from tinstack.core.db import Duplicate
from tinstack.core.errors import Conflict
from tinstack.core.http import Request
from tinstack.identity import views
from tinstack.identity.errors import Missing
from tinstack.identity.handlers.common import required
from tinstack.identity.identity import Identity
from tinstack.identity.rows import Row

R = TypeVar("R", bound=Row)


class Exists(Conflict):
    """409: the id, the name or what else must be unique is in use."""

    code, message = "identity.exists", "There is such a {kind} already."


class Noun(Generic[R]):
    """``parameter``: of the path; ``key`` and ``path``: of bodies and links; ``view``: where the fields are not shown as they are."""

    def __init__(
        self,
        row: type[R],
        key: str,
        path: str,
        parameter: str,
        *,
        plural: str = "",
        filters: tuple[str, ...] = (),
        view: Callable[[Request, R], views.Body] | None = None,
    ) -> None:
        self.row, self.key, self.path, self.parameter = row, key, path, parameter
        self.plural, self.filters, self._view = plural or f"{key}s", filters, view

    @property
    def kind(self) -> str:
        """Its name in sentences."""
        return self.key.replace("_", " ")

    def view(self, request: Request, row: R) -> views.Body:
        """The row as it is shown."""
        return self._view(request, row) if self._view else views.plain(request, row, self.path)

    def body(self, request: Request, row: R) -> views.Body:
        """The answer that shows one."""
        return {self.key: self.view(request, row)}

    async def found(self, request: Request, identity: Identity) -> R:
        """The row that the path names. Raises Missing."""
        id = request.path[self.parameter]
        row: R = required(await identity.store.one(self.row, id=id), self.kind, id)
        return row

    async def index(self, request: Request, identity: Identity) -> object:
        """All of them."""
        rows = await identity.store.find(self.row)
        return self.list(request, rows)

    def list(self, request: Request, rows: list[R]) -> views.Body:
        """The answer that lists these."""
        shown = (self.view(request, row) for row in rows)
        return views.collection(request, self.plural, shown, f"/v3/{self.path}", self.filters)

    async def show(self, request: Request, identity: Identity) -> object:
        """One."""
        return self.body(request, await self.found(request, identity))

    async def add(self, request: Request, identity: Identity, row: R) -> views.Body:
        """Keep a new one. Raises Exists."""
        try:
            await identity.store.write(lambda writer: writer.insert(row))
        except Duplicate as error:
            raise Exists(kind=self.kind) from error
        return self.body(request, row)

    async def change(self, request: Request, identity: Identity, before: R, **changes: Any) -> views.Body:
        """Write a changed one. Raises Exists, Missing."""
        row = msgspec.structs.replace(before, **changes)
        try:
            there = await identity.store.write(lambda writer: writer.replace(row))
        except Duplicate as error:
            raise Exists(kind=self.kind) from error
        if not there:
            raise Missing(kind=self.kind, id=request.path[self.parameter])
        return self.body(request, row)

    async def delete(self, request: Request, identity: Identity) -> None:
        """Forget one. Raises Missing."""
        id = request.path[self.parameter]
        if not await identity.store.write(lambda writer: writer.delete(self.row, id=id)):
            raise Missing(kind=self.kind, id=id)
