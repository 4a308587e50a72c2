"""What was done to a server (instance actions), the steps of it (trace events) and the scheduler's verdicts."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Table, bindparam, delete, insert, or_, select, update

from tinstack.computedb.tables import actions, decisions, operations, trace_events
from tinstack.conductor.rpc import Verdict
from tinstack.core.clock import now_us
from tinstack.core.db import Database, Duplicate, Prepared, Transaction, prepared, to_json, values
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


class _Decision(msgspec.Struct):
    """``verdicts``: host → filter → why it refused, None where it let the host pass."""

    verdicts: dict[str, dict[str, str | None]]


_INSERT = prepared(insert(actions))
_OF = prepared(
    select(actions).where(actions.c.instance_id == bindparam("server")).order_by(actions.c.started_at.desc())
)
_ONE = prepared(
    select(actions).where(actions.c.instance_id == bindparam("server"), actions.c.request_id == bindparam("request"))
)
_FINISH = prepared(
    update(actions)
    .where(actions.c.instance_id == bindparam("server"), actions.c.operation_id == bindparam("operation"))
    .where(actions.c.finished_at.is_(None))
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
_FORGET_DECISION = prepared(delete(decisions).where(decisions.c.operation_id == bindparam("operation")))
_DECISION = prepared(insert(decisions))
_VERDICTS = prepared(select(decisions.c.verdicts).where(decisions.c.instance_id == bindparam("server")))


async def add(tx: Transaction, action: Action) -> None:
    """Note that something was asked of a server; asked twice by one request it is noted once."""
    try:
        await tx.run(_INSERT, **values(action))
    except Duplicate:
        return


async def finish(tx: Transaction, operation: Operation, *, failed: bool = False) -> None:
    """The action that the operation stands for is over."""
    words = "Error" if failed else None
    await tx.run(_FINISH, server=operation.subject, operation=operation.id, now=now_us(), words=words)


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
    """What filters said of hosts, together; what they said before for the same operation is replaced."""
    if operation.attempt > 1:
        await tx.run(_FORGET_DECISION, operation=operation.id)
    by_host: dict[str, dict[str, str | None]] = {}
    for one in said:
        by_host.setdefault(one.host, {})[one.filter] = None if one.passed else one.reason
    row = {"operation_id": operation.id, "instance_id": server_id, "verdicts": to_json(by_host)}
    try:
        await tx.run(_DECISION, **row)
    except Duplicate:
        await tx.run(_FORGET_DECISION, operation=operation.id)
        await tx.run(_DECISION, **row)


async def verdicts_of(db: Database, server_id: str) -> list[Verdict]:
    """What the filters said for a server, host by host."""
    return [
        Verdict(host=host, filter=name, passed=reason is None, reason=reason or "")
        for row in await db.all(_VERDICTS, _Decision, server=server_id)
        for host, reasons in row.verdicts.items()
        for name, reason in reasons.items()
    ]


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
