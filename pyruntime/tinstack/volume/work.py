"""Long operations: rows with a lease, driven by tasks here, resumed by whoever lives when their owner died."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import select

from tinstack.core.context import request_id_of_task
from tinstack.core.db import Database, Transaction
from tinstack.core.errors import ApiError
from tinstack.core.operations import Operation, Operations, OperationTaken
from tinstack.core.periodic import Periodic

log = logging.getLogger(__name__)

LEASE = 60.0
DEADLINE = 6 * 3600.0
LOOK_SECONDS = 15.0

Drive = Callable[[Operation], Awaitable[None]]
Undo = Callable[[Operation, str], Awaitable[None]]


class Work:
    """``drive`` does an operation (it may have been begun before), ``undo`` shows its failure; both end the row."""

    def __init__(self, database: Database, operations: Operations, host: str) -> None:
        self.database, self.operations = database, operations
        self._mine = f"volume@{host}/"
        self.owner = f"{self._mine}{os.getpid()}"
        self.drive: Drive
        self.undo: Undo
        self._running: dict[str, asyncio.Task[None]] = {}
        self._looking = Periodic("operations without an owner", LOOK_SECONDS, self.look, delay=LOOK_SECONDS)

    async def start(self) -> None:
        """Take up what an earlier process of this host left behind, then look from time to time."""
        await self.look(from_earlier=True)
        self._looking.start()

    async def stop(self) -> None:
        """Leave everything to the next process."""
        await self._looking.stop()
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def open(
        self, tx: Transaction, kind: str, subject: str, project: str, data: dict[str, Any] | None = None
    ) -> Operation:
        """Write the row; call ``begin`` with it after the transaction."""
        return await self.operations.open(
            tx,
            kind=kind,
            subject=subject,
            project_id=project,
            request_id=request_id_of_task.get(),
            generation=1,
            owner=self.owner,
            lease_seconds=LEASE,
            deadline_seconds=DEADLINE,
            data=data,
        )

    def begin(self, operation: Operation) -> None:
        """Drive it in a task."""
        if operation.id not in self._running:
            task = asyncio.create_task(self._run(operation), name=f"{operation.kind} {operation.subject}")
            self._running[operation.id] = task
            task.add_done_callback(lambda _: self._running.pop(operation.id, None))

    async def look(self, from_earlier: bool = False) -> None:
        """Take over what nobody drives."""
        overdue: Callable[[Transaction], Awaitable[list[Operation]]] = self.operations.overdue
        for operation in await self.database.transact(self._left_behind if from_earlier else overdue):
            if operation.id in self._running:
                continue
            giver = self._mine if from_earlier else "nobody"

            async def take(tx: Transaction, operation: Operation = operation, giver: str = giver) -> Operation:
                return await self.operations.take(tx, operation.id, operation.generation, self.owner, giver, LEASE)

            try:
                taken = await self.database.transact(take)
            except OperationTaken:
                continue
            log.info("%s of %s is taken up again", taken.kind, taken.subject)
            self.begin(taken)

    async def _left_behind(self, tx: Transaction) -> list[Operation]:
        table = self.operations.table
        query = select(table).where(table.c.state == "running", table.c.owner.like(self._mine + "%"))
        return await tx.all(query, Operation)

    async def _run(self, operation: Operation) -> None:
        request_id_of_task.set(operation.request_id)
        renewing = asyncio.create_task(self._renew(operation))
        try:
            if await self.database.transact(lambda tx: tx.now()) > operation.deadline:
                await self.undo(operation, "it did not end in time")
            else:
                await self.drive(operation)
        except ApiError as error:
            log.error("%s of %s failed: %s", operation.kind, operation.subject, error.text)
            await self.undo(operation, error.text)
        except Exception as error:
            log.exception("%s of %s failed", operation.kind, operation.subject)
            await self.undo(operation, f"{type(error).__name__}: {error}")
        finally:
            renewing.cancel()

    async def _renew(self, operation: Operation) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)

            async def renew(tx: Transaction) -> None:
                await self.operations.renew(tx, operation.id, self.owner, LEASE)

            await self.database.transact(renew)
