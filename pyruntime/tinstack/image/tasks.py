"""Tasks: what the service does apart from a request, as the API shows it. Source: Image API v2, Tasks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy import bindparam, or_, select, update

from tinstack.core.clock import SECOND, now_us
from tinstack.core.context import Context, request_id_of_task
from tinstack.core.db import Database, Transaction, prepared, values
from tinstack.core.errors import NotFound
from tinstack.image import tables as t
from tinstack.image.rows import Task

PENDING, PROCESSING, SUCCESS, FAILURE = "pending", "processing", "success", "failure"
IMPORT, API_IMPORT = "import", "api_image_import"
KEPT = 48 * 3600 * SECOND
"""How long a task that ended is shown."""

SILENCE = 60 * SECOND
"""A task of which nothing was heard for so long has failed."""

_T = t.tasks.c
_GOING_ON = or_(_T.status == PENDING, _T.status == PROCESSING)
ADD = prepared(t.tasks.insert())
ONE = prepared(select(t.tasks).where(_T.id == bindparam("key")))
OF_IMAGE = prepared(select(t.tasks).where(_T.image_id == bindparam("key")).order_by(_T.created_at, _T.id))
FORGET = prepared(t.tasks.delete().where(_T.expires_at > 0, _T.expires_at < bindparam("now")))
SILENT = prepared(select(t.tasks).where(_GOING_ON, _T.updated_at < bindparam("before")))
LOST = prepared(
    update(t.tasks)
    .where(_T.id == bindparam("key"), _GOING_ON)
    .values(status=FAILURE, message=bindparam("why"), updated_at=bindparam("now"), expires_at=bindparam("until"))
)


class NoSuchTask(NotFound):
    code, message = "image.task", "Failed to find task {id}"


class Tasks:
    """The rows."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def create(
        self, context: Context, kind: str, given: dict[str, Any], image_id: str | None, request_id: str
    ) -> Task:
        """A pending one."""
        now = now_us()
        task = Task(
            id=str(uuid4()),
            type=kind,
            status=PENDING,
            owner=context.project_id or "",
            image_id=image_id,
            user_id=context.user_id,
            request_id=request_id or request_id_of_task.get(),
            input=given,
            created_at=now,
            updated_at=now,
        )

        async def work(tx: Transaction) -> None:
            await tx.run(FORGET, now=now)
            await tx.run(ADD, **values(task))

        await self.database.transact(work)
        return task

    async def set(self, task: Task, status: str, *, message: str = "", result: dict[str, Any] | None = None) -> None:
        """What became of it."""
        now = now_us()
        task.status, task.message, task.updated_at = status, message, now
        task.result = result if result is not None else task.result
        task.expires_at = now + KEPT if status in (SUCCESS, FAILURE) else 0
        columns = values(task)

        async def work(tx: Transaction) -> None:
            await tx.run(update(t.tasks).where(_T.id == task.id).values(**columns))

        await self.database.transact(work)

    @asynccontextmanager
    async def driven(self, task: Task) -> AsyncIterator[None]:
        """Say now and then that it goes on, while inside."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(SILENCE / SECOND / 3)
                await self.set(task, PROCESSING)

        beating = asyncio.create_task(beat(), name=f"beat of task {task.id}")
        try:
            yield
        finally:
            beating.cancel()

    async def lost(self) -> list[Task]:
        """Tasks of which nothing was heard have failed: their service ended. Those that this call found."""
        now = now_us()

        async def work(tx: Transaction) -> list[Task]:
            found = await tx.all(SILENT, Task, before=now - SILENCE)
            for task in found:
                await tx.run(LOST, key=task.id, why="The service ended before the task did.", now=now, until=now + KEPT)
            return found

        return await self.database.transact(work)

    async def one(self, id: str) -> Task:
        """Raises NoSuchTask."""
        task = await self.database.one(ONE, Task, key=id)
        if task is None:
            raise NoSuchTask(id=id)
        return task

    async def of_image(self, image_id: str) -> list[Task]:
        """The oldest first."""
        return await self.database.all(OF_IMAGE, Task, key=image_id)

    async def page(self, wanted: dict[str, str], marker: Task | None, limit: int) -> list[Task]:
        """A page, the newest first."""
        found = select(t.tasks).where(*(getattr(_T, name) == value for name, value in wanted.items()))
        if marker:
            same = (_T.created_at == marker.created_at) & (_T.id < marker.id)
            found = found.where((_T.created_at < marker.created_at) | same)
        return await self.database.all(found.order_by(_T.created_at.desc(), _T.id.desc()).limit(limit), Task)


def copy(task: Task) -> Task:
    """For the answer, while the task goes on."""
    return msgspec.structs.replace(task)
