"""What was done to a server (instance actions), the steps of it (trace events) and the scheduler's verdicts."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Table, bindparam, delete, insert, or_, select, update

from tinstack.computedb.tables import actions, operations, trace_events, verdicts
from tinstack.conductor.rpc import Verdict
from tinstack.core.clock import now_us
from tinstack.core.db import Database, Duplicate, Prepared, Transaction, prepared, values
from tinstack.core.operations import Operation
from tinstack.core.trace import TraceEvent


class Action(msgspec.Struct, kw_only=True):
    """Something asked of a server. ``request_id`` is the request's own; ``message``: "Error" where it failed."""

    request_id: str
    instance_id: str
    action: str
    started_at: int
    updated_at: int
    operation_id: str | None = None
    user_id: str | None = None
    project_id: str | None = None
    message: str | None = None
    finished_at: int | None = None


class Event(msgspec.Struct, kw_only=True):
    """A step as it is kept. Times in microseconds."""

    number: int
    instance_id: str | None
    audit_id: str | None
    request_id: str
    step: int
    service: str
    host: str
    start: int
    duration: int
    outcome: str
    message: str


_INSERT = prepared(insert(actions))
_OF = prepared(
    select(actions).where(actions.c.instance_id == bindparam("server")).order_by(actions.c.started_at.desc())
)
_ONE = prepared(
    select(actions).where(actions.c.instance_id == bindparam("server"), actions.c.request_id == bindparam("request"))
)
_FINISH = prepared(
    update(actions)
    .where(actions.c.operation_id == bindparam("operation"), actions.c.finished_at.is_(None))
    .values(finished_at=bindparam("now"), updated_at=bindparam("now"), message=bindparam("words"))
)
_REQUEST_OF = prepared(select(operations.c.request_id).where(operations.c.id == bindparam("operation")))
_TRACE = prepared(
    select(trace_events)
    .where(
        or_(
            trace_events.c.instance_id == bindparam("server"),
            trace_events.c.audit_id == bindparam("audit"),
        )
    )
    .order_by(trace_events.c.start, trace_events.c.step)
)
_TRACE_ALONE = prepared(
    select(trace_events)
    .where(trace_events.c.instance_id == bindparam("server"))
    .order_by(trace_events.c.start, trace_events.c.step)
)
_EVENTS = prepared(
    select(trace_events)
    .where(trace_events.c.instance_id == bindparam("server"), trace_events.c.request_id == bindparam("request"))
    .order_by(trace_events.c.start, trace_events.c.step)
)
_FORGET_VERDICTS = prepared(delete(verdicts).where(verdicts.c.operation_id == bindparam("operation")))
_VERDICTS = prepared(
    select(verdicts.c.host, verdicts.c.filter, verdicts.c.passed, verdicts.c.reason)
    .where(verdicts.c.instance_id == bindparam("server"))
    .order_by(verdicts.c.number)
)


async def add(tx: Transaction, action: Action) -> None:
    """Note that something was asked of a server; asked twice by one request it is noted once."""
    try:
        await tx.run(_INSERT, **values(action))
    except Duplicate:
        return


async def finish(tx: Transaction, operation_id: str, *, failed: bool = False) -> None:
    """The action that the operation stands for is over."""
    await tx.run(_FINISH, operation=operation_id, now=now_us(), words="Error" if failed else None)


async def of_server(db: Database, server_id: str) -> list[Action]:
    """Newest first."""
    return await db.all(_OF, Action, server=server_id)


async def get(db: Database, server_id: str, request_id: str) -> Action | None:
    """By the request that asked."""
    return await db.one(_ONE, Action, server=server_id, request=request_id)


async def events(db: Database, action: Action) -> list[Event]:
    """The steps of an action, in the order in which they began."""
    request = None
    if action.operation_id:
        request = await db.scalar(_REQUEST_OF, operation=action.operation_id)
    return await db.all(_EVENTS, Event, server=action.instance_id, request=request or action.request_id)


async def trace(db: Database, server_id: str, audit_id: str | None) -> list[Event]:
    """Every step of a server; steps 1 and 2 are found by the audit id of the token that asked for it."""
    if audit_id is None:
        return await db.all(_TRACE_ALONE, Event, server=server_id)
    return await db.all(_TRACE, Event, server=server_id, audit=audit_id)


class _Tried(msgspec.Struct):
    """Of a boot: where it failed."""

    subject: str
    data: dict[str, Any]


async def hosts_tried(db: Database, servers: Collection[str]) -> dict[str, set[str]]:
    """Server → the hosts on which its boot failed."""
    wanted, found = sorted(servers), defaultdict[str, set[str]](set)
    for start in range(0, len(wanted), MOST):
        some = wanted[start : start + MOST]
        size = 1 << (len(some) - 1).bit_length()
        given = {f"s_{n}": some[min(n, len(some) - 1)] for n in range(size)}
        for boot in await db.all(_boots_of(size), _Tried, **given):
            found[boot.subject].update(boot.data.get("tried", ()))
    return found


@lru_cache(maxsize=16)
def _boots_of(size: int) -> Prepared:
    among = operations.c.subject.in_([bindparam(f"s_{n}") for n in range(size)])
    return prepared(select(operations.c.subject, operations.c.data).where(operations.c.kind == "boot", among))


async def add_events(tx: Transaction, batch: Sequence[TraceEvent]) -> None:
    """Keep steps."""
    rows = [
        {
            "instance_id": event.server_id,
            "audit_id": event.audit_id,
            "request_id": event.request_id,
            "step": event.step,
            "service": event.service,
            "host": event.host,
            "start": event.start,
            "duration": event.duration,
            "outcome": event.outcome,
            "message": event.message,
        }
        for event in batch
    ]
    await _insert_all(tx, trace_events, rows)


async def keep_verdicts(tx: Transaction, server_id: str, operation: Operation, said: Sequence[Verdict]) -> None:
    """What filters said of hosts; an older attempt's are replaced."""
    if operation.attempt > 1:
        await tx.run(_FORGET_VERDICTS, operation=operation.id)
    rows = [
        {
            "instance_id": server_id,
            "operation_id": operation.id,
            "host": one.host,
            "filter": one.filter,
            "passed": int(one.passed),
            "reason": one.reason,
        }
        for one in said
    ]
    await _insert_all(tx, verdicts, rows)


async def verdicts_of(db: Database, server_id: str) -> list[Verdict]:
    """What the filters said for a server, in order."""
    return await db.all(_VERDICTS, Verdict, server=server_id)


MOST = 512
"""Values in one list."""

MANY = 32
"""Rows per statement: few statements, each compiled once."""


async def _insert_all(tx: Transaction, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), MANY):
        some = rows[start : start + MANY]
        statement = _insert_of(table, tuple(some[0]), len(some))
        await tx.run(statement, **{f"{name}_{n}": value for n, row in enumerate(some) for name, value in row.items()})


@lru_cache(maxsize=2 * MANY)
def _insert_of(table: Table, names: tuple[str, ...], count: int) -> Prepared:
    return prepared(insert(table).values([{name: bindparam(f"{name}_{n}") for name in names} for n in range(count)]))
