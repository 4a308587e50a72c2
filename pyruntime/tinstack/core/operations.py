"""Operations: the only repair mechanism. Every long operation is a row, written in the transaction that asks for it.

Whoever holds the lease (by the database's clock) drives it; when a lease runs out the reconciler gives it to the next
owner, who continues or undoes. An owner is ``service@host/process``.
"""

from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text, bindparam, or_, select, update

from tinstack.core.clock import SECOND
from tinstack.core.db import Database, Transaction, prepared, to_json, values
from tinstack.core.errors import Conflict

RUNNING, DONE, FAILED = "running", "done", "failed"


class OperationTaken(Conflict):
    """Another owner holds the lease, or the operation is over."""

    code, message = "operation.taken", "Operation {id} is over or held by another owner."


class Operation(msgspec.Struct, kw_only=True):
    """``subject``: the server's (volume's …) id. ``step``: the last step of the flow that was reached. Times in µs.

    ``data``: what the next owner needs (kind-specific); ``error``: the fault, once it failed.
    """

    id: str
    kind: str
    subject: str
    project_id: str
    request_id: str
    generation: int
    owner: str
    lease_until: int
    deadline: int
    state: str = RUNNING
    step: int = 0
    attempt: int = 1
    data: dict[str, Any] = {}
    error: dict[str, Any] | None = None
    created_at: int = 0
    updated_at: int = 0


def operations_table(metadata: MetaData) -> Table:
    """The table; a service that has long operations adds it to its metadata."""
    return Table(
        "operations",
        metadata,
        Column("id", String(36), primary_key=True),
        Column("kind", String(32), nullable=False),
        Column("subject", String(36), nullable=False),
        Column("project_id", String(64), nullable=False),
        Column("request_id", String(64), nullable=False),
        Column("generation", Integer, nullable=False),
        Column("owner", String(255), nullable=False),
        Column("lease_until", BigInteger, nullable=False),
        Column("deadline", BigInteger, nullable=False),
        Column("state", String(16), nullable=False),
        Column("step", Integer, nullable=False),
        Column("attempt", Integer, nullable=False),
        Column("data", Text, nullable=False),
        Column("error", Text),
        Column("created_at", BigInteger, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        Index("operations_subject", "subject", "state"),
        Index("operations_lease", "state", "lease_until"),
    )


class Operations:
    """The statements; every method works in the caller's transaction."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._insert = prepared(table.insert())
        self._by_id = prepared(select(table).where(table.c.id == bindparam("key")))
        self._of_subject = prepared(
            select(table)
            .where(table.c.subject == bindparam("subject"), table.c.state == RUNNING)
            .order_by(table.c.created_at)
        )
        self._under_way = prepared(select(table).where(table.c.state == RUNNING).order_by(table.c.created_at))
        self._overdue = prepared(
            select(table)
            .where(
                table.c.state == RUNNING,
                or_(table.c.lease_until < bindparam("now"), table.c.deadline < bindparam("now")),
            )
            .order_by(table.c.lease_until)
            .limit(bindparam("most"))
        )
        mine = (table.c.id == bindparam("key"), table.c.state == RUNNING, table.c.owner == bindparam("holder"))
        self._take = prepared(
            update(table)
            .where(
                table.c.id == bindparam("key"),
                table.c.state == RUNNING,
                table.c.generation == bindparam("wanted"),
                or_(table.c.lease_until < bindparam("now"), table.c.owner.like(bindparam("giver"))),
            )
            .values(owner=bindparam("holder"), lease_until=bindparam("until"), updated_at=bindparam("now"))
        )
        self._renew = prepared(
            update(table).where(*mine).values(lease_until=bindparam("until"), updated_at=bindparam("now"))
        )
        self._reach = prepared(
            update(table)
            .where(*mine)
            .values(
                step=bindparam("reached"),
                data=bindparam("kept"),
                lease_until=bindparam("until"),
                updated_at=bindparam("now"),
            )
        )
        self._end = prepared(
            update(table)
            .where(table.c.id == bindparam("key"), table.c.state == RUNNING)
            .values(state=bindparam("ended"), error=bindparam("reason"), updated_at=bindparam("now"))
        )

    async def open(
        self,
        tx: Transaction,
        *,
        kind: str,
        subject: str,
        project_id: str,
        request_id: str,
        generation: int,
        owner: str,
        lease_seconds: float,
        deadline_seconds: float,
        step: int = 0,
        data: dict[str, Any] | None = None,
        id: str | None = None,
    ) -> Operation:
        """A new operation, held by ``owner``."""
        now = await tx.now()
        operation = Operation(
            id=id or str(uuid4()),
            kind=kind,
            subject=subject,
            project_id=project_id,
            request_id=request_id,
            generation=generation,
            owner=owner,
            lease_until=now + int(lease_seconds * SECOND),
            deadline=now + int(deadline_seconds * SECOND),
            step=step,
            data=data or {},
            created_at=now,
            updated_at=now,
        )
        await tx.run(self._insert, **values(operation))
        return operation

    async def get(self, db: Database | Transaction, id: str) -> Operation | None:
        """By id."""
        return await db.one(self._by_id, Operation, key=id)

    async def running(self, tx: Transaction, subject: str) -> list[Operation]:
        """What is under way for a subject, oldest first."""
        return await tx.all(self._of_subject, Operation, subject=subject)

    async def under_way(self, tx: Transaction) -> list[Operation]:
        """Everything that runs, oldest first."""
        return await tx.all(self._under_way, Operation)

    async def overdue(self, tx: Transaction, most: int = 100) -> list[Operation]:
        """What nobody drives any more, or what is past its deadline."""
        return await tx.all(self._overdue, Operation, now=await tx.now(), most=most)

    async def take(
        self, tx: Transaction, id: str, generation: int, owner: str, giver: str, lease_seconds: float
    ) -> Operation:
        """Become the owner: from ``giver`` (an owner's prefix such as ``api@``) at any time, from others when their lease is over.

        Raises OperationTaken.
        """
        await self._swap(tx, id, generation, owner, giver, lease_seconds)
        operation = await self.get(tx, id)
        assert operation
        return operation

    async def take_found(
        self, tx: Transaction, operation: Operation, owner: str, giver: str, lease_seconds: float
    ) -> None:
        """The same for one that was read while its subject's row was locked, so that what stands in memory is what there is."""
        until = await self._swap(tx, operation.id, operation.generation, owner, giver, lease_seconds)
        operation.owner, operation.lease_until = owner, until

    async def _swap(
        self, tx: Transaction, id: str, generation: int, owner: str, giver: str, lease_seconds: float
    ) -> int:
        now = await tx.now()
        until = now + int(lease_seconds * SECOND)
        if not await tx.run(
            self._take, key=id, wanted=generation, now=now, giver=giver + "%", holder=owner, until=until
        ):
            raise OperationTaken(id=id)
        return until

    async def renew(self, tx: Transaction, id: str, owner: str, lease_seconds: float) -> None:
        """Hold it longer. Raises OperationTaken."""
        now = await tx.now()
        if not await tx.run(self._renew, key=id, holder=owner, until=now + int(lease_seconds * SECOND), now=now):
            raise OperationTaken(id=id)

    async def reach(self, tx: Transaction, operation: Operation, step: int, lease_seconds: float) -> None:
        """Note the step (and ``operation.data``) and hold it longer. Raises OperationTaken."""
        now = await tx.now()
        operation.step, operation.lease_until = step, now + int(lease_seconds * SECOND)
        if not await tx.run(
            self._reach,
            key=operation.id,
            holder=operation.owner,
            reached=step,
            kept=to_json(operation.data),
            until=operation.lease_until,
            now=now,
        ):
            raise OperationTaken(id=operation.id)

    async def end(self, tx: Transaction, id: str, error: dict[str, Any] | None = None) -> bool:
        """It is over: done, or failed with ``error``. False where it was over already."""
        reason = to_json(error) if error else None
        ended = FAILED if error else DONE
        return bool(await tx.run(self._end, key=id, ended=ended, reason=reason, now=await tx.now()))
