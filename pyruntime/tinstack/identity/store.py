"""Statements of the identity database. Every change goes through ``Store.write``, which counts it in ``snapshot``."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from tinstack.core.db import Database, Duplicate, Transaction, prepared, values
from tinstack.identity import rows, tables

T = TypeVar("T")
R = TypeVar("R", bound=rows.Row)

TABLE_OF: dict[type[rows.Row], sa.Table] = {
    rows.Project: tables.projects,
    rows.User: tables.users,
    rows.Group: tables.user_groups,
    rows.Member: tables.members,
    rows.Role: tables.roles,
    rows.Implication: tables.implications,
    rows.Grant: tables.grants,
    rows.Region: tables.regions,
    rows.CatalogService: tables.services,
    rows.Endpoint: tables.endpoints,
    rows.ApplicationCredential: tables.application_credentials,
    rows.Revocation: tables.revocations,
    rows.Trust: tables.trusts,
    rows.Credential: tables.credentials,
    rows.Policy: tables.policies,
    rows.AccessRule: tables.access_rules,
    rows.RegisteredLimit: tables.registered_limits,
    rows.Limit: tables.limits,
    rows.DomainOption: tables.domain_options,
    rows.EndpointGroup: tables.endpoint_groups,
    rows.ProjectEndpoint: tables.project_endpoints,
    rows.ProjectEndpointGroup: tables.project_endpoint_groups,
    rows.PolicyAssociation: tables.policy_associations,
    rows.Consumer: tables.consumers,
    rows.RequestToken: tables.request_tokens,
    rows.AccessToken: tables.access_tokens,
    rows.IdentityProvider: tables.identity_providers,
    rows.Mapping: tables.mappings,
    rows.Protocol: tables.protocols,
    rows.ServiceProvider: tables.service_providers,
}

SECTION_OF: dict[type[rows.Row], str] = {
    rows.Project: "projects",
    rows.User: "users",
    rows.Group: "user_groups",
    rows.Member: "members",
    rows.Role: "roles",
    rows.Implication: "roles",
    rows.Grant: "grants",
    rows.Region: "catalog",
    rows.CatalogService: "catalog",
    rows.Endpoint: "catalog",
    rows.ApplicationCredential: "application_credentials",
    rows.Revocation: "revocations",
    rows.Trust: "delegations",
    rows.AccessToken: "delegations",
    rows.AccessRule: "application_credentials",
    rows.EndpointGroup: "catalog",
    rows.ProjectEndpoint: "catalog",
    rows.ProjectEndpointGroup: "catalog",
    rows.ServiceProvider: "catalog",
}
"""What is held in memory, by section; the rest is read from the database when it is asked for."""


class Login(msgspec.Struct):
    """What a sign-in is checked against; ``hash`` is the newest password's."""

    failures: int
    failed_at: int
    hash: str | None


class Kept(msgspec.Struct):
    """A password's hash."""

    hash: str


_users, _passwords = tables.users, tables.passwords
_newest = (
    sa.select(_passwords.c.hash)
    .where(_passwords.c.user_id == _users.c.id)
    .order_by(_passwords.c.created_at.desc(), _passwords.c.id)
    .limit(1)
    .scalar_subquery()
)
LOGIN = prepared(
    sa.select(_users.c.failures, _users.c.failed_at, _newest.label("hash")).where(
        _users.c.id == sa.bindparam("user_id")
    )
)
HISTORY = prepared(
    sa.select(_passwords.c.hash)
    .where(_passwords.c.user_id == sa.bindparam("user_id"))
    .order_by(_passwords.c.created_at.desc(), _passwords.c.id)
    .limit(sa.bindparam("count", type_=sa.Integer))
)
SUPERSEDED = prepared(
    sa.select(_passwords.c.hash)
    .where(_passwords.c.user_id == sa.bindparam("user_id"))
    .where(
        sa.select(sa.func.max(_passwords.c.created_at))
        .where(_passwords.c.user_id == sa.bindparam("user_id"))
        .scalar_subquery()
        > sa.bindparam("since", type_=sa.BigInteger)
    )
    .order_by(_passwords.c.created_at.desc(), _passwords.c.id)
    .limit(1)
    .offset(1)
)
FAILED = prepared(
    sa.update(_users)
    .where(_users.c.id == sa.bindparam("user_id"))
    .values(
        failures=sa.case(
            ((_users.c.failures >= sa.bindparam("attempts")) & (_users.c.failed_at <= sa.bindparam("since")), 1),
            else_=_users.c.failures + 1,
        ),
        failed_at=sa.bindparam("now"),
    )
)
SUCCEEDED = prepared(sa.update(_users).where(_users.c.id == sa.bindparam("user_id")).values(failures=0, failed_at=0))
TOTAL = prepared(sa.select(tables.snapshot.c.total).where(tables.snapshot.c.id == 1))


class Counters(msgspec.Struct):
    """The row of ``snapshot``."""

    total: int = 0
    projects: int = 0
    users: int = 0
    user_groups: int = 0
    members: int = 0
    roles: int = 0
    grants: int = 0
    catalog: int = 0
    application_credentials: int = 0
    revocations: int = 0
    delegations: int = 0


COUNTERS = prepared(
    sa.select(*(tables.snapshot.c[name] for name in Counters.__struct_fields__)).where(tables.snapshot.c.id == 1)
)

_selects = {
    kind: prepared(
        sa.select(*(table.c[field] for field in kind.__struct_fields__)).order_by(*table.primary_key.columns)
    )
    for kind, table in TABLE_OF.items()
}


def _conditions(table: sa.Table, where: dict[str, Any]) -> list[sa.ColumnElement[bool]]:
    """Equal columns; a list: any of them."""
    return [
        table.c[name].in_(value) if isinstance(value, list) else table.c[name] == value for name, value in where.items()
    ]


def _select(kind: type[R], where: dict[str, Any]) -> sa.Select[Any]:
    table = TABLE_OF[kind]
    return (
        sa.select(*(table.c[field] for field in kind.__struct_fields__))
        .where(*_conditions(table, where))
        .order_by(*table.primary_key.columns)
    )


class Writer:
    """An open transaction in the words of this service; notes which sections it touched."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx
        self.touched: set[str] = set()

    def _touch(self, kind: type[rows.Row]) -> None:
        if section := SECTION_OF.get(kind):
            self.touched.add(section)

    async def insert(self, row: rows.Row) -> None:
        """Raises Duplicate."""
        kind = type(row)
        given = values(row)
        if kind is rows.User:
            given |= {"failures": 0, "failed_at": 0}
        await self.tx.run(sa.insert(TABLE_OF[kind]).values(given))
        self._touch(kind)

    async def replace(self, row: rows.Row) -> bool:
        """Write a changed row over the one with its key; whether it was still there. Raises Duplicate."""
        kind = type(row)
        table = TABLE_OF[kind]
        given = values(row)
        self._touch(kind)
        keys = [column == given.pop(column.name) for column in table.primary_key.columns]
        return bool(await self.tx.run(sa.update(table).where(*keys).values(given)))

    async def delete(self, kind: type[rows.Row], **where: Any) -> int:
        """Delete rows by equal columns (a list: any of them); how many there were."""
        table = TABLE_OF[kind]
        self._touch(kind)
        return await self.tx.run(sa.delete(table).where(*_conditions(table, where)))

    async def change(self, kind: type[rows.Row], statement: sa.Update) -> int:
        """Any other change of rows of that kind; how many it matched."""
        self._touch(kind)
        return await self.tx.run(statement)

    async def one(self, kind: type[R], **where: Any) -> R | None:
        """The row with these columns as this transaction sees it."""
        return await self.tx.one(_select(kind, where), kind)

    async def all(self, kind: type[R], **where: Any) -> list[R]:
        """The rows with these columns as this transaction sees them."""
        return await self.tx.all(_select(kind, where), kind)

    async def there(self, kind: type[rows.Row], **where: Any) -> bool:
        """Whether such a row is there now, as this transaction sees it."""
        table = TABLE_OF[kind]
        found = await self.tx.scalar(
            sa.select(sa.literal(1)).where(*(table.c[name] == value for name, value in where.items()))
        )
        return found is not None

    async def add_password(self, password_id: str, user_id: str, kept: str, now: int) -> None:
        """The user's newest password; the count of failures begins again."""
        await self.tx.run(sa.insert(_passwords).values(id=password_id, user_id=user_id, hash=kept, created_at=now))
        await self.tx.run(SUCCEEDED, user_id=user_id)

    async def forget_passwords(self, user_ids: list[str]) -> None:
        """All passwords of these users."""
        await self.tx.run(sa.delete(_passwords).where(_passwords.c.user_id.in_(user_ids)))


class Store:
    """The identity database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def write(self, work: Callable[[Writer], Coroutine[Any, Any, T]]) -> T:
        """One transaction. The counters' row is changed first, so that writers come one after the other."""

        async def whole(tx: Transaction) -> T:
            writer = Writer(tx)
            counters = tables.snapshot
            if not await tx.run(sa.update(counters).where(counters.c.id == 1).values(total=counters.c.total + 1)):
                await tx.run(sa.insert(counters).values({"id": 1, "total": 1} | dict.fromkeys(tables.SECTIONS, 0)))
            result = await work(writer)
            if writer.touched:
                await tx.run(
                    sa.update(counters)
                    .where(counters.c.id == 1)
                    .values({name: counters.c[name] + 1 for name in writer.touched})
                )
            return result

        return await self.database.transact(whole)

    async def total(self) -> int:
        """The number of changes so far; one cheap SELECT."""
        return int(await self.database.scalar(TOTAL) or 0)

    async def counters(self) -> Counters:
        """The changes by section."""
        return await self.database.one(COUNTERS, Counters) or Counters()

    async def load(self, kind: type[R]) -> list[R]:
        """A whole table."""
        return await self.database.all(_selects[kind], kind)

    async def find(self, kind: type[R], **where: Any) -> list[R]:
        """The rows with these columns (a list: any of them), by key; for what is not held in memory."""
        return await self.database.all(_select(kind, where), kind)

    async def one(self, kind: type[R], **where: Any) -> R | None:
        """The first of them."""
        return await self.database.one(_select(kind, where), kind)

    async def login(self, user_id: str) -> Login | None:
        """What a sign-in needs; None: no such user."""
        return await self.database.one(LOGIN, Login, user_id=user_id)

    async def superseded(self, user_id: str, since: int) -> str | None:
        """The hash before the newest, where the newest was made after ``since``."""
        found = await self.database.one(SUPERSEDED, Kept, user_id=user_id, since=since)
        return found.hash if found else None

    async def last_passwords(self, user_id: str, count: int) -> list[str]:
        """Hashes, the newest first."""
        found = await self.database.all(HISTORY, Kept, user_id=user_id, count=count)
        return [kept.hash for kept in found]

    async def failed(self, user_id: str, now: int, attempts: int, since: int) -> None:
        """Count a wrong password; a lock that ran out before ``since`` begins a new count."""

        async def work(tx: Transaction) -> None:
            await tx.run(FAILED, user_id=user_id, now=now, attempts=attempts, since=since)

        await self.database.transact(work)

    async def succeeded(self, user_id: str) -> None:
        """Begin a new count."""

        async def work(tx: Transaction) -> None:
            await tx.run(SUCCEEDED, user_id=user_id)

        await self.database.transact(work)

    async def use_trust(self, trust_id: str) -> bool:
        """Take one of its uses that are left; whether there was one."""
        trusts = tables.trusts
        left = trusts.c.remaining_uses
        taken = sa.update(trusts).where(trusts.c.id == trust_id, left > 0).values(remaining_uses=left - 1)

        async def work(writer: Writer) -> bool:
            return bool(await writer.change(rows.Trust, taken))

        return await self.write(work)

    async def prune(self, now: int) -> None:
        """Forget revocations of tokens that have ended."""
        if await self.database.scalar(
            sa.select(sa.literal(1))
            .select_from(tables.revocations)
            .where(tables.revocations.c.kept_until < now)
            .limit(1)
        ):

            async def work(writer: Writer) -> None:
                await writer.tx.run(sa.delete(tables.revocations).where(tables.revocations.c.kept_until < now))
                writer.touched.add("revocations")

            await self.write(work)


__all__ = ["Counters", "Duplicate", "Login", "Store", "Writer"]
