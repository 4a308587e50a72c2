"""Resources that are made, changed and removed without more ado: a row each, with rules of their own where they need some."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from msgspec.structs import replace

from tinstack.core.db import Duplicate
from tinstack.core.errors import ApiError, NotFound
from tinstack.network.server import rows as r
from tinstack.network.server import store
from tinstack.network.server.change import Change, Changes
from tinstack.network.server.revisions import expect

R = TypeVar("R", bound=r.Standard)


class Plain(Generic[R]):
    """The rules of one kind. ``missing``: 404's class, made with ``id``; ``same``: what a broken unique key means.

    ``adding(change, row)``, ``changing(change, old, new)`` and ``removing(change, row)`` run before the row's statement and
    raise what they refuse.
    """

    def __init__(
        self,
        resource: store.Resource[R],
        missing: type[NotFound],
        *,
        same: Callable[[R], ApiError] | None = None,
        adding: Callable[[Change, R], Awaitable[None]] | None = None,
        changing: Callable[[Change, R, R], Awaitable[None]] | None = None,
        removing: Callable[[Change, R], Awaitable[None]] | None = None,
    ) -> None:
        self.resource, self.missing, self._same = resource, missing, same
        self._adding, self._changing, self._removing = adding, changing, removing

    async def get(self, db: store.Reader, id: str) -> R:
        """By id. Raises ``missing``."""
        row = await self.resource.get(db, id)
        if row is None:
            raise self.missing(id=id)
        return row

    async def create(self, changes: Changes, rows: Sequence[R]) -> list[R]:
        """All or none."""

        async def work(change: Change) -> list[R]:
            made = [replace(row, created_at=change.now, updated_at=change.now) for row in rows]
            for row in made:
                if self._adding:
                    await self._adding(change, row)
                await self._write(row, self.resource.add(change.tx, row))
            return made

        return await changes.run(work)

    async def update(self, changes: Changes, id: str, values: Mapping[str, Any], revision: int | None) -> R:
        """``values`` by column. Raises ``missing``, RevisionNumberConstraintFailed."""

        async def work(change: Change) -> R:
            old = await self.get(change.tx, id)
            expect(old, revision)
            new = replace(old, **values)
            if self._changing:
                await self._changing(change, old, new)
            await self._write(new, self.resource.save(change.tx, new, change.now))
            return new

        return await changes.run(work)

    async def _write(self, row: R, statement: Awaitable[None]) -> None:
        try:
            await statement
        except Duplicate as error:
            if self._same is None:
                raise
            raise self._same(row) from error

    async def delete(self, changes: Changes, id: str, revision: int | None) -> None:
        """Raises ``missing``, RevisionNumberConstraintFailed."""

        async def work(change: Change) -> None:
            row = await self.get(change.tx, id)
            expect(row, revision)
            if self._removing:
                await self._removing(change, row)
            if not await self.resource.remove(change.tx, id):
                raise store.Stale

        await changes.run(work)
