"""What hosts report: their services' heartbeats and their hypervisors. Statements only; lists are in ``fleet``."""

from collections.abc import Collection
from functools import cache, partial
from typing import Any
from uuid import uuid4

from sqlalchemy import bindparam, insert, select, update

from tinstack.computedb.fleet import COMPUTE, Node, Service
from tinstack.computedb.tables import compute_nodes, services
from tinstack.conductor.rpc import HostReport
from tinstack.core.db import Database, Duplicate, Prepared, Transaction, prepared, to_json

MANY = 512
"""Hosts in one statement."""

_SEEN = prepared(
    update(services)
    .where(services.c.host == bindparam("at"), services.c.binary == bindparam("called"))
    .values(seen_at=bindparam("now"), started_at=bindparam("began"))
)
_SERVICE = prepared(
    select(services).where(services.c.host == bindparam("at"), services.c.binary == bindparam("called"))
)
_ADD_SERVICE = prepared(insert(services))
_NODE = prepared(select(compute_nodes).where(compute_nodes.c.host == bindparam("at")))

_FACTS = (
    "hypervisor_type",
    "hypervisor_version",
    "host_ip",
    "vcpus",
    "ram_mib",
    "disk_gib",
    "free_disk_gib",
    "cpu_info",
)


def _update_node() -> Prepared:
    facts: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("id", *_FACTS, "updated_at")}
    return prepared(update(compute_nodes).where(compute_nodes.c.host == bindparam("at")).values(facts))


_UPDATE_NODE = _update_node()
_ADD_NODE = prepared(insert(compute_nodes))


async def beat(db: Database, host: str, binary: str, started_at: int) -> Service:
    """A service was heard of; it is made known at its first sign of life."""

    async def work(tx: Transaction) -> Service:
        now = await tx.now()
        if not await tx.run(_SEEN, at=host, called=binary, now=now, began=started_at):
            await _add_service(tx, host, binary, started_at, now)
        service = await tx.one(_SERVICE, Service, at=host, called=binary)
        assert service
        return service

    return await db.transact(work)


async def beat_all(db: Database, hosts: Collection[str]) -> int:
    """The compute services of many hosts were heard of; how many of them are known."""
    ordered, found = sorted(hosts), 0
    for start in range(0, len(ordered), MANY):
        some = ordered[start : start + MANY]
        padded = some + [some[-1]] * ((1 << (len(some) - 1).bit_length()) - len(some))
        found += await db.transact(partial(_beat_some, padded))
    return found


async def _beat_some(hosts: list[str], tx: Transaction) -> int:
    names = {f"host_{place}": host for place, host in enumerate(hosts)}
    return await tx.run(_seen_all(len(hosts)), now=await tx.now(), **names)


@cache
def _seen_all(count: int) -> Prepared:
    hosts: list[Any] = [bindparam(f"host_{place}") for place in range(count)]
    known = services.c.host.in_(hosts), services.c.binary == COMPUTE
    return prepared(update(services).where(*known).values(seen_at=bindparam("now")))


async def _add_service(tx: Transaction, host: str, binary: str, started_at: int, now: int) -> None:
    row = {
        "id": str(uuid4()),
        "host": host,
        "binary": binary,
        "disabled": 0,
        "disabled_reason": None,
        "forced_down": 0,
        "seen_at": now,
        "started_at": started_at,
        "created_at": now,
        "updated_at": now,
    }
    try:
        await tx.run(_ADD_SERVICE, **row)
    except Duplicate:
        await tx.run(_SEEN, at=host, called=binary, now=now, began=started_at)


async def describe(db: Database, report: HostReport) -> None:
    """Write what a host has."""

    async def work(tx: Transaction) -> None:
        facts = {name: getattr(report, name) for name in _FACTS} | {"cpu_info": to_json(report.cpu_info)}
        facts |= {"id": report.provider, "updated_at": await tx.now()}
        if await tx.run(_UPDATE_NODE, at=report.host, **{f"new_{name}": value for name, value in facts.items()}):
            return
        try:
            await tx.run(_ADD_NODE, host=report.host, **facts)
        except Duplicate:
            return

    await db.transact(work)


async def node(db: Database, host: str) -> Node | None:
    """A host's hypervisor."""
    return await db.one(_NODE, Node, at=host)


async def compute_service(db: Database, host: str) -> Service | None:
    """A host's compute service."""
    return await db.one(_SERVICE, Service, at=host, called=COMPUTE)
