"""Quotas: counted in the transaction that uses them, behind the project's generation row, so that none is oversold."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import bindparam, select, update

from tinstack.core.db import Database, Duplicate, Transaction, prepared
from tinstack.core.errors import Conflict, NotFound
from tinstack.network.server import store
from tinstack.network.server import tables as t

BUILT_IN = {
    "network": 100,
    "subnet": 100,
    "subnetpool": -1,
    "port": 500,
    "router": 10,
    "floatingip": 50,
    "security_group": 10,
    "security_group_rule": 100,
    "rbac_policy": 10,
    "address_group": 10,
    "trunk": -1,
}
"""Limits by resource, as Neutron's defaults."""

COUNTED: dict[str, store.Resource[Any]] = {
    "network": store.networks,
    "subnet": store.subnets,
    "subnetpool": store.subnetpools,
    "port": store.ports,
    "router": store.routers,
    "floatingip": store.floatingips,
    "security_group": store.groups,
    "security_group_rule": store.rules,
    "rbac_policy": store.rbac_policies,
    "address_group": store.address_groups,
    "trunk": store.trunks,
}

_Q, _G = t.quotas.c, t.quota_generations.c

LOCK = prepared(
    update(t.quota_generations).where(_G.project_id == bindparam("project")).values(generation=_G.generation + 1)
)
ADD_GENERATION = prepared(t.quota_generations.insert())
LIMIT = prepared(select(_Q.limit).where(_Q.project_id == bindparam("project"), _Q.resource == bindparam("kind")))
LIMITS = prepared(select(t.quotas).where(_Q.project_id == bindparam("project")))
ALL_LIMITS = prepared(select(t.quotas).order_by(_Q.project_id))
ADD_LIMIT = prepared(t.quotas.insert())
DROP_LIMIT = prepared(t.quotas.delete().where(_Q.project_id == bindparam("project"), _Q.resource == bindparam("kind")))
DROP_LIMITS = prepared(t.quotas.delete().where(_Q.project_id == bindparam("project")))


class OverQuota(Conflict):
    """409: the project's quota is used up."""

    code, message = "network.over_quota", "Quota exceeded for resources: {overs}."


class TenantQuotaNotFound(NotFound):
    """404: the project has no quotas of its own."""

    code, message = "network.quota.not_found", "Quota for tenant {project} could not be found."


class Limit(msgspec.Struct, frozen=True):
    """A limit that an operator set."""

    project_id: str
    resource: str
    limit: int


class Quotas:
    """``defaults``: what the configuration says differently from the built-in ones."""

    def __init__(self, database: Database, defaults: Mapping[str, int]) -> None:
        self._database = database
        self.defaults = BUILT_IN | {name: limit for name, limit in defaults.items() if name in BUILT_IN}

    async def take(
        self, tx: Transaction, project: str, resource: str, number: int = 1, known: store.Reader | None = None
    ) -> None:
        """Before the first insert of the transaction. ``known``: where to read the limit. Raises OverQuota."""
        own = await (known or tx).scalar(LIMIT, project=project, kind=resource)
        limit = self.defaults[resource] if own is None else int(own)
        if limit < 0:
            return
        await self._lock(tx, project)
        if await COUNTED[resource].count(tx, project) + number > limit:
            raise OverQuota(overs=[resource])

    @staticmethod
    async def _lock(tx: Transaction, project: str) -> None:
        if not await tx.run(LOCK, project=project):
            try:
                await tx.run(ADD_GENERATION, project_id=project, generation=1)
            except Duplicate:
                await tx.run(LOCK, project=project)

    async def limits(self, project: str) -> dict[str, int]:
        """Every limit of a project."""
        own = await self._database.all(LIMITS, Limit, project=project)
        return self.defaults | {one.resource: one.limit for one in own}

    async def all_limits(self) -> dict[str, dict[str, int]]:
        """The projects that have limits of their own."""
        found: dict[str, dict[str, int]] = {}
        for one in await self._database.all(ALL_LIMITS, Limit):
            found.setdefault(one.project_id, dict(self.defaults))[one.resource] = one.limit
        return found

    async def used(self, project: str) -> dict[str, int]:
        """How much of each is used."""

        async def work(tx: Transaction) -> dict[str, int]:
            return {name: await resource.count(tx, project) for name, resource in COUNTED.items()}

        return await self._database.transact(work)

    async def set(self, project: str, limits: Mapping[str, int]) -> None:
        """Limits of its own for a project."""

        async def work(tx: Transaction) -> None:
            for name, limit in limits.items():
                await tx.run(DROP_LIMIT, project=project, kind=name)
                await tx.run(ADD_LIMIT, project_id=project, resource=name, limit=limit)

        await self._database.transact(work)

    async def reset(self, project: str) -> None:
        """Back to the defaults. Raises TenantQuotaNotFound."""

        async def work(tx: Transaction) -> int:
            return await tx.run(DROP_LIMITS, project=project)

        if not await self._database.transact(work):
            raise TenantQuotaNotFound(project=project)
