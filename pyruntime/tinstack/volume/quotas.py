"""Quotas: limits per project, and the count that decides.

Whoever takes from a quota first updates the project's generation row, so that takers of one project stand in line; then
it counts what is there. Resources of a type are named ``volumes_TYPE``, ``gigabytes_TYPE`` and ``snapshots_TYPE``.
"""

from collections.abc import Mapping

import msgspec
from sqlalchemy import func, select, update

from tinstack.core.db import Database, Duplicate, Transaction
from tinstack.volume import store
from tinstack.volume import tables as t
from tinstack.volume.config import QUOTA
from tinstack.volume.errors import OverLimit
from tinstack.volume.rows import Limit

CLASS = "class:default"
"""Stands for the project in rows of the default quota class."""

PER_TYPE = ("volumes", "gigabytes", "snapshots")
KINDS = {"volumes": "VolumeLimitExceeded", "snapshots": "SnapshotLimitExceeded"}


class _Sum(msgspec.Struct):
    volume_type_id: str | None
    number: int
    size: int | None


class Quotas:
    """``defaults``: from the configuration."""

    def __init__(self, database: Database, defaults: Mapping[str, int]) -> None:
        self.database, self._defaults = database, {**QUOTA, **defaults}

    async def defaults(self, db: store.Reader) -> dict[str, int]:
        """The default class: configuration, then what was set; with the resources of every type."""
        found = dict(self._defaults)
        for row in (await store.types(db)).values():
            found.update({f"{kind}_{row.name}": -1 for kind in PER_TYPE})
        found.update(await self._set(db, CLASS))
        return found

    async def limits(self, db: store.Reader, project: str) -> dict[str, int]:
        """What a project may have."""
        return {**await self.defaults(db), **await self._set(db, project)}

    async def _set(self, db: store.Reader, project: str) -> dict[str, int]:
        c = t.quotas.c
        rows = await db.all(select(c.resource, c.hard_limit).where(c.project_id == project), Limit)
        return {row.resource: row.hard_limit for row in rows}

    async def usage(self, db: store.Reader, project: str) -> dict[str, int]:
        """What a project has."""
        v, s = t.volumes.c, t.snapshots.c
        names = {row.id: row.name for row in (await store.types(db)).values()}
        found = {"volumes": 0, "gigabytes": 0, "snapshots": 0, "backups": 0, "backup_gigabytes": 0, "groups": 0}
        volumes = (
            select(v.volume_type_id, func.count().label("number"), func.sum(v.size).label("size"))
            .where(v.project_id == project)
            .group_by(v.volume_type_id)
        )
        snapshots = (
            select(v.volume_type_id, func.count().label("number"), func.sum(s.size).label("size"))
            .select_from(t.snapshots.join(t.volumes, s.volume_id == v.id))
            .where(s.project_id == project)
            .group_by(v.volume_type_id)
        )
        for kind, query in (("volumes", volumes), ("snapshots", snapshots)):
            for row in await db.all(query, _Sum):
                for suffix in ("", f"_{names.get(row.volume_type_id or '', '')}"):
                    if suffix == "_":
                        continue
                    found[kind + suffix] = found.get(kind + suffix, 0) + int(row.number)
                    found["gigabytes" + suffix] = found.get("gigabytes" + suffix, 0) + int(row.size or 0)
        return found

    async def take(
        self, tx: Transaction, project: str, wanted: Mapping[str, int], type_name: str | None, size: int = 0
    ) -> None:
        """Called in the transaction that inserts. ``size``: of the largest volume, in GiB. Raises OverLimit."""
        await self._in_line(tx, project)
        limits, used = await self.limits(tx, project), await self.usage(tx, project)
        if 0 <= limits["per_volume_gigabytes"] < size:
            raise _over("VolumeSizeExceedsLimit", "per_volume_gigabytes", limits)
        for resource, amount in wanted.items():
            for name in (resource, f"{resource}_{type_name}"):
                if 0 <= limits.get(name, -1) < used.get(name, 0) + amount:
                    kind = KINDS.get(resource, "VolumeSizeExceedsAvailableQuota")
                    raise _over(kind, name, limits)

    async def _in_line(self, tx: Transaction, project: str) -> None:
        c = t.quota_generations.c
        bump = update(t.quota_generations).where(c.project_id == project).values(generation=c.generation + 1)
        if not await tx.run(bump):
            try:
                await tx.run(t.quota_generations.insert().values(project_id=project, generation=1))
            except Duplicate:
                await tx.run(bump)

    async def set(self, project: str, limits: Mapping[str, int]) -> None:
        """Change some limits."""

        async def work(tx: Transaction) -> None:
            await self._in_line(tx, project)
            for resource, limit in limits.items():
                c = t.quotas.c
                await tx.run(t.quotas.delete().where(c.project_id == project, c.resource == resource))
                await tx.run(t.quotas.insert().values(project_id=project, resource=resource, hard_limit=limit))

        await self.database.transact(work)

    async def reset(self, project: str) -> None:
        """Back to the defaults."""

        async def work(tx: Transaction) -> None:
            await tx.run(t.quotas.delete().where(t.quotas.c.project_id == project))

        await self.database.transact(work)


def _over(kind: str, resource: str, limits: Mapping[str, int]) -> OverLimit:
    error = OverLimit(kind=kind, resource=resource, limit=limits[resource])
    error.headers["Retry-After"] = "0"
    return error
