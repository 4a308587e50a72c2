"""Host aggregates and the availability zones that they make: statements only."""

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from tinstack.computedb.tables import aggregates, instances
from tinstack.core.db import Database, Duplicate, Transaction, prepared, to_json

ZONE = "availability_zone"


class Aggregate(msgspec.Struct, kw_only=True):
    """``metadata`` holds the zone under ``availability_zone``."""

    id: int
    uuid: str
    name: str
    created_at: int
    metadata: dict[str, str] = {}
    hosts: list[str] = []
    updated_at: int | None = None

    @property
    def zone(self) -> str | None:
        """The availability zone that it makes, if any."""
        return self.metadata.get(ZONE)


_ALL = prepared(select(aggregates).order_by(aggregates.c.id))
_ONE = prepared(select(aggregates).where(aggregates.c.id == bindparam("key")))
_BY_UUID = prepared(select(aggregates).where(aggregates.c.uuid == bindparam("key")))
_INSERT = prepared(
    insert(aggregates).values(
        uuid=bindparam("uuid"),
        name=bindparam("name"),
        metadata=bindparam("meta"),
        hosts=bindparam("hosts"),
        created_at=bindparam("now"),
    )
)
_UPDATE = prepared(
    update(aggregates)
    .where(aggregates.c.id == bindparam("key"))
    .values(
        name=bindparam("called"), metadata=bindparam("meta"), hosts=bindparam("members"), updated_at=bindparam("now")
    )
)
_DELETE = prepared(delete(aggregates).where(aggregates.c.id == bindparam("key")))
_SERVERS_ON = prepared(
    select(instances.c.id).where(instances.c.host == bindparam("name"), instances.c.deleted_at == 0).limit(1)
)


async def everything(db: Database | Transaction) -> list[Aggregate]:
    """All, by id."""
    return await db.all(_ALL, Aggregate)


async def get(db: Database, id: int) -> Aggregate | None:
    """By id."""
    return await db.one(_ONE, Aggregate, key=id)


async def create(db: Database, uuid: str, name: str, metadata: dict[str, str], now: int) -> Aggregate | None:
    """None where the name is taken."""

    async def work(tx: Transaction) -> Aggregate | None:
        await tx.run(_INSERT, uuid=uuid, name=name, meta=to_json(metadata), hosts="[]", now=now)
        return await tx.one(_BY_UUID, Aggregate, key=uuid)

    try:
        return await db.transact(work)
    except Duplicate:
        return None


async def change(db: Database, aggregate: Aggregate, now: int) -> bool:
    """Write name, metadata and hosts; False where the name is taken."""
    aggregate.updated_at = now

    async def work(tx: Transaction) -> None:
        await tx.run(
            _UPDATE,
            key=aggregate.id,
            called=aggregate.name,
            meta=to_json(aggregate.metadata),
            members=to_json(aggregate.hosts),
            now=now,
        )

    try:
        await db.transact(work)
    except Duplicate:
        return False
    return True


async def remove(db: Database, id: int) -> None:
    """Forget it."""

    async def work(tx: Transaction) -> None:
        await tx.run(_DELETE, key=id)

    await db.transact(work)


async def has_servers(db: Database, host: str) -> bool:
    """Whether a server is on that host: its zone must not change under it."""
    return await db.scalar(_SERVERS_ON, name=host) is not None


def zone_of(found: list[Aggregate], host: str, default: str) -> str:
    """The zone of a host."""
    return next((one.zone for one in found if one.zone and host in one.hosts), default)
