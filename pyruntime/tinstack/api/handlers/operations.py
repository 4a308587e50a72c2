"""Operations under way, for operators; an extension of ours (``./lab verify`` reads it)."""

from tinstack.api.parts import Compute
from tinstack.api.views import Body
from tinstack.computedb.store import OPERATIONS
from tinstack.core.clock import SECOND, iso_us_z
from tinstack.core.db import Transaction
from tinstack.core.http import Request
from tinstack.core.operations import Operation

GRACE = 60 * SECOND
"""The reconciler hands an operation on within seconds: one that is late by more stays behind."""


async def index(request: Request, service: Compute) -> Body:
    """``GET /tinstack-operations``: oldest first."""

    async def work(tx: Transaction) -> tuple[int, list[Operation]]:
        return await tx.now(), await OPERATIONS.under_way(tx)

    now, running = await service.db.transact(work)
    return {
        "operations": [
            {
                "id": one.id,
                "kind": one.kind,
                "server_id": one.subject,
                "owner": one.owner,
                "step": one.step,
                "attempt": one.attempt,
                "created_at": iso_us_z(one.created_at),
                "lease_until": iso_us_z(one.lease_until),
                "deadline": iso_us_z(one.deadline),
                "overdue": min(one.lease_until, one.deadline) < now - GRACE,
            }
            for one in running
        ]
    }
