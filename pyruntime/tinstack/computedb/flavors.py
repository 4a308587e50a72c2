"""Flavors, their extra specs and the projects that may use the private ones: statements only."""

import msgspec
from sqlalchemy import and_, bindparam, delete, exists, or_, select, update

from tinstack.computedb.tables import flavor_access, flavors
from tinstack.core.db import Database, Duplicate, Transaction, prepared, to_json, values


class Flavor(msgspec.Struct, kw_only=True):
    """A flavor. MiB and GiB; times in microseconds."""

    id: str
    name: str
    vcpus: int
    ram_mib: int
    root_gib: int
    created_at: int
    ephemeral_gib: int = 0
    swap_mib: int = 0
    rxtx_factor: str = "1.0"
    is_public: bool = True
    disabled: bool = False
    description: str | None = None
    extra_specs: dict[str, str] = {}
    updated_at: int | None = None


class Access(msgspec.Struct, frozen=True):
    """A project that may use a private flavor."""

    flavor_id: str
    project_id: str


_COLUMNS = [flavors.c[name] for name in Flavor.__struct_fields__]
_OF_PROJECT = exists().where(
    flavor_access.c.flavor_id == flavors.c.id, flavor_access.c.project_id == bindparam("project")
)
_USABLE = or_(flavors.c.is_public == 1, _OF_PROJECT)

_ALL = prepared(select(*_COLUMNS).order_by(flavors.c.id))
_VISIBLE = prepared(select(*_COLUMNS).where(and_(_USABLE, flavors.c.disabled == 0)).order_by(flavors.c.id))
_PUBLIC = prepared(select(*_COLUMNS).where(_USABLE).order_by(flavors.c.id))
_ONE = prepared(select(*_COLUMNS).where(flavors.c.id == bindparam("key")))
_ONE_USABLE = prepared(select(*_COLUMNS).where(flavors.c.id == bindparam("key"), _USABLE))
_INSERT = prepared(flavors.insert())
_DELETE = prepared(delete(flavors).where(flavors.c.id == bindparam("key")))
_DELETE_ACCESS = prepared(delete(flavor_access).where(flavor_access.c.flavor_id == bindparam("key")))
_DESCRIBE = prepared(
    update(flavors)
    .where(flavors.c.id == bindparam("key"))
    .values(description=bindparam("words"), updated_at=bindparam("now"))
)
_SPECS = prepared(
    update(flavors)
    .where(flavors.c.id == bindparam("key"), flavors.c.extra_specs == bindparam("before"))
    .values(extra_specs=bindparam("after"), updated_at=bindparam("now"))
)
_ACCESS = prepared(
    select(flavor_access).where(flavor_access.c.flavor_id == bindparam("key")).order_by(flavor_access.c.project_id)
)
_GRANT = prepared(flavor_access.insert())
_REVOKE = prepared(
    delete(flavor_access).where(
        flavor_access.c.flavor_id == bindparam("key"), flavor_access.c.project_id == bindparam("project")
    )
)


async def everything(db: Database) -> list[Flavor]:
    """All flavors, by id: for admin."""
    return await db.all(_ALL, Flavor)


async def usable(db: Database, project_id: str, *, disabled: bool) -> list[Flavor]:
    """Public flavors and the private ones that the project may use; with ``disabled`` those that are switched off too."""
    return await db.all(_PUBLIC if disabled else _VISIBLE, Flavor, project=project_id)


async def get(db: Database, id: str, project_id: str | None) -> Flavor | None:
    """By id, if the project may see it; ``None`` as project: whoever it belongs to."""
    if project_id is None:
        return await db.one(_ONE, Flavor, key=id)
    return await db.one(_ONE_USABLE, Flavor, key=id, project=project_id)


async def insert(db: Database, flavor: Flavor) -> bool:
    """False where the id or the name is taken."""

    async def work(tx: Transaction) -> None:
        await tx.run(_INSERT, **values(flavor))

    try:
        await db.transact(work)
    except Duplicate:
        return False
    return True


async def remove(db: Database, id: str) -> bool:
    """With its access list. False where there was none."""

    async def work(tx: Transaction) -> bool:
        await tx.run(_DELETE_ACCESS, key=id)
        return bool(await tx.run(_DELETE, key=id))

    return await db.transact(work)


async def describe(db: Database, id: str, description: str | None, now: int) -> None:
    """Set the description."""

    async def work(tx: Transaction) -> None:
        await tx.run(_DESCRIBE, key=id, words=description, now=now)

    await db.transact(work)


async def set_specs(db: Database, id: str, before: dict[str, str], after: dict[str, str], now: int) -> bool:
    """Swap the extra specs; False where they are no longer ``before``."""

    async def work(tx: Transaction) -> bool:
        return bool(await tx.run(_SPECS, key=id, before=to_json(before), after=to_json(after), now=now))

    return await db.transact(work)


async def access(db: Database, id: str) -> list[Access]:
    """Who may use it."""
    return await db.all(_ACCESS, Access, key=id)


async def grant(db: Database, id: str, project_id: str) -> bool:
    """False where the project may use it already."""

    async def work(tx: Transaction) -> None:
        await tx.run(_GRANT, flavor_id=id, project_id=project_id)

    try:
        await db.transact(work)
    except Duplicate:
        return False
    return True


async def revoke(db: Database, id: str, project_id: str) -> bool:
    """False where the project could not use it."""

    async def work(tx: Transaction) -> bool:
        return bool(await tx.run(_REVOKE, key=id, project=project_id))

    return await db.transact(work)
