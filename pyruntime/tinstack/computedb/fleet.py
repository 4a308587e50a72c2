"""Services and compute nodes as the API lists and switches them: statements only."""

from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, select, update

from tinstack.computedb.tables import compute_nodes, instances, services
from tinstack.conductor.rpc import FlavorDetails
from tinstack.core.clock import SECOND
from tinstack.core.db import Database, Transaction, prepared

COMPUTE = "nova-compute"


class Service(msgspec.Struct, kw_only=True):
    """A service process that reports. ``number`` is its id below 2.53, ``id`` from then on."""

    number: int
    id: str
    host: str
    binary: str
    disabled: bool
    disabled_reason: str | None
    forced_down: bool
    seen_at: int
    started_at: int
    created_at: int
    updated_at: int

    def is_up(self, now: int, down_seconds: float) -> bool:
        """Heard of lately, and not said to be down."""
        return not self.forced_down and now - self.seen_at < down_seconds * SECOND


class Node(msgspec.Struct, kw_only=True):
    """A compute host's hypervisor. MiB, GiB."""

    number: int
    id: str
    host: str
    hypervisor_type: str
    hypervisor_version: int
    host_ip: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    free_disk_gib: int
    cpu_info: dict[str, Any]
    updated_at: int


class Placed(msgspec.Struct, kw_only=True):
    """A server on a host, as far as usage counts it."""

    id: str
    name: str
    project_id: str
    host: str
    flavor: FlavorDetails
    vm_state: str
    task_state: str | None


class Taken(msgspec.Struct, kw_only=True):
    """So many servers of one flavor (its JSON text) on a host."""

    host: str
    flavor: str
    servers: int


class Room(msgspec.Struct, kw_only=True):
    """A compute host's hypervisor, as far as the scheduler looks at it. MiB, GiB."""

    id: str
    host: str
    hypervisor_type: str
    vcpus: int
    ram_mib: int
    disk_gib: int


_SERVICES = prepared(select(services).order_by(services.c.number))
_NODES = prepared(select(compute_nodes).order_by(compute_nodes.c.number))
_SWITCH = prepared(
    update(services)
    .where(services.c.number == bindparam("key"))
    .values(
        disabled=bindparam("off"),
        disabled_reason=bindparam("reason"),
        forced_down=bindparam("down"),
        updated_at=bindparam("now"),
    )
)
_DELETE = prepared(delete(services).where(services.c.number == bindparam("key")))
_DELETE_NODE = prepared(delete(compute_nodes).where(compute_nodes.c.host == bindparam("name")))
_PLACED = prepared(
    select(
        instances.c.id,
        instances.c.name,
        instances.c.project_id,
        instances.c.host,
        instances.c.flavor,
        instances.c.vm_state,
        instances.c.task_state,
    )
    .where(instances.c.deleted_at == 0, instances.c.host.is_not(None))
    .order_by(instances.c.number)
)


_TAKEN = prepared(
    select(instances.c.host, instances.c.flavor, func.count().label("servers"))
    .where(instances.c.deleted_at == 0, instances.c.host.is_not(None))
    .group_by(instances.c.host, instances.c.flavor)
)
_ROOMS = prepared(select(*(compute_nodes.c[name] for name in Room.__struct_fields__)).order_by(compute_nodes.c.number))


async def taken(db: Database) -> list[Taken]:
    """What servers take of every host."""
    return await db.all(_TAKEN, Taken)


async def rooms(db: Database) -> list[Room]:
    """Every hypervisor, oldest first, without what only its own page shows."""
    return await db.all(_ROOMS, Room)


async def all_services(db: Database) -> list[Service]:
    """Every service, oldest first."""
    return await db.all(_SERVICES, Service)


async def all_nodes(db: Database) -> list[Node]:
    """Every hypervisor, oldest first."""
    return await db.all(_NODES, Node)


async def placed(db: Database) -> list[Placed]:
    """Every server that has a host."""
    return await db.all(_PLACED, Placed)


async def switch(db: Database, service: Service, now: int) -> None:
    """Write whether it is disabled (and why) and forced down."""

    async def work(tx: Transaction) -> None:
        await tx.run(
            _SWITCH,
            key=service.number,
            off=int(service.disabled),
            reason=service.disabled_reason,
            down=int(service.forced_down),
            now=now,
        )

    await db.transact(work)


async def remove(db: Database, service: Service) -> None:
    """Forget a service, and its hypervisor where it is a compute service."""

    async def work(tx: Transaction) -> None:
        await tx.run(_DELETE, key=service.number)
        if service.binary == COMPUTE:
            await tx.run(_DELETE_NODE, name=service.host)

    await db.transact(work)
