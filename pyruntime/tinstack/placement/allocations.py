"""Allocations: the one place where capacity is sold (step 11).

One transaction: the consumer's generation decides between two writers of the same consumer, then the generations of all
providers involved are bumped in one order (which serialises sellers of the same provider), and only then is it looked
whether everything fits. Anything that does not leaves everything as it was.
"""

import secrets

import msgspec
from sqlalchemy import func, select

from tinstack.core.clock import now_us
from tinstack.core.db import Database, Duplicate, Transaction, values
from tinstack.placement import store
from tinstack.placement import tables as t
from tinstack.placement.errors import ConcurrentUpdate, DoesNotFit, Invalid, PlacementNotFound
from tinstack.placement.inventories import check_classes
from tinstack.placement.store import Allocation, Consumer, Inventory, Provider

UNKNOWN = "unknown"
"""The consumer type of callers below 1.38."""

ANY = -1
"""No consumer generation was given (below 1.28): whatever it is now."""

FIRST = 1 << 30
"""A new consumer begins at any generation below: who read an id's generation before it was removed and made again is refused."""


class Claim(msgspec.Struct, kw_only=True):
    """What one consumer shall hold from now on: provider → class → amount. ``generation``: None for a new consumer."""

    consumer: str
    resources: dict[str, dict[str, int]]
    project_id: str
    user_id: str
    consumer_type: str = UNKNOWN
    generation: int | None = ANY
    providers: dict[str, int] = {}


class Held(msgspec.Struct, kw_only=True):
    """What a consumer holds."""

    consumer: Consumer | None
    allocations: list[Allocation]
    generations: dict[str, int]


async def put(database: Database, claims: list[Claim]) -> None:
    """Replace what each consumer holds, all or nothing. Raises DoesNotFit, ConcurrentUpdate, Invalid."""

    async def work(tx: Transaction) -> None:
        now = now_us()
        new = [claim for claim in claims if claim.generation is None and claim.resources]
        for claim in sorted(claims, key=lambda claim: claim.consumer):
            if claim not in new and await _consumer(tx, claim, now):
                await tx.run(store.DELETE_OF_CONSUMER, key=claim.consumer)
        await _add(tx, new, now)
        room = await _room(tx, claims, now)
        for claim in claims:
            for provider, resources in claim.resources.items():
                for kind, amount in resources.items():
                    room.take(provider, kind, amount)
        await tx.run_many(store.ADD_ALLOCATION, [values(row) for claim in claims for row in _rows(claim)])

    await database.transact(work)


def _rows(claim: Claim) -> list[Allocation]:
    return [
        Allocation(consumer=claim.consumer, provider=provider, resource_class=kind, used=amount)
        for provider, resources in claim.resources.items()
        for kind, amount in resources.items()
    ]


async def _consumer(tx: Transaction, claim: Claim, now: int) -> bool:
    """Take the consumer's turn; whether it was there before. Raises ConcurrentUpdate."""
    there = await tx.one(store.CONSUMER, Consumer, key=claim.consumer)
    wanted = there.generation if there and claim.generation == ANY else claim.generation
    if there is None:
        if claim.generation not in (None, ANY):
            raise ConcurrentUpdate(kind="Consumer", id=claim.consumer)
        if claim.resources:
            await _add(tx, [claim], now)
        return False
    if wanted is None or not await tx.run(
        store.BUMP_CONSUMER,
        key=claim.consumer,
        wanted=wanted,
        project=claim.project_id,
        person=claim.user_id,
        kind=claim.consumer_type,
        now=now,
    ):
        raise ConcurrentUpdate(kind="Consumer", id=claim.consumer)
    if not claim.resources:
        await tx.run(store.DELETE_CONSUMER, key=claim.consumer)
    return True


async def _add(tx: Transaction, claims: list[Claim], now: int) -> None:
    """The consumers of claims that are to be their first. Raises ConcurrentUpdate where one has a claim already."""
    made = [
        Consumer(
            uuid=claim.consumer,
            project_id=claim.project_id,
            user_id=claim.user_id,
            consumer_type=claim.consumer_type,
            generation=1 + secrets.randbelow(FIRST),
            updated_at=now,
        )
        for claim in sorted(claims, key=lambda claim: claim.consumer)
    ]
    try:
        await tx.run_many(store.ADD_CONSUMER, [values(row) for row in made])
    except Duplicate as error:
        raise ConcurrentUpdate(kind="Consumer", id=", ".join(row.uuid for row in made)) from error


class Room:
    """What the providers of a transaction still have."""

    def __init__(self, inventories: dict[tuple[str, str], Inventory], used: dict[tuple[str, str], int]) -> None:
        self._inventories, self._used = inventories, used

    def take(self, provider: str, kind: str, amount: int) -> None:
        """Count it as sold. Raises DoesNotFit, Invalid."""
        inventory = self._inventories.get((provider, kind))
        if inventory is None:
            raise DoesNotFit(resource_class=kind, id=provider, why="It has no such inventory.")
        if not inventory.min_unit <= amount <= inventory.max_unit or amount % inventory.step_size:
            why = (
                f"The requested amount {amount} violates min_unit {inventory.min_unit}, max_unit {inventory.max_unit} "
                f"or step_size {inventory.step_size}."
            )
            raise DoesNotFit(resource_class=kind, id=provider, why=why)
        used = self._used.get((provider, kind), 0) + amount
        if used > inventory.capacity:
            raise DoesNotFit(resource_class=kind, id=provider, why="The requested amount would exceed the capacity.")
        self._used[provider, kind] = used


async def _room(tx: Transaction, claims: list[Claim], now: int) -> Room:
    ids = sorted({id for claim in claims for id in claim.resources})
    if not ids:
        return Room({}, {})
    await _bump(tx, ids, {id: generation for claim in claims for id, generation in claim.providers.items()}, now)
    await check_classes(tx, {kind for claim in claims for resources in claim.resources.values() for kind in resources})
    inventories, used = await store.stock(tx, ids)
    return Room({(row.provider, row.resource_class): row for row in inventories}, used)


async def _bump(tx: Transaction, ids: list[str], expected: dict[str, int], now: int) -> None:
    """Take the providers' turns. ``expected``: generations that were named. Raises ConcurrentUpdate, Invalid."""
    for id in ids:
        if id in expected and not await tx.run(store.BUMP_FROM, key=id, wanted=expected[id], now=now):
            raise ConcurrentUpdate(kind="Resource provider", id=id)
    others = [id for id in ids if id not in expected]
    if not others:
        return
    keys = store.padded(others)
    if await tx.run(store.bump_all(len(keys)), **store.named(keys), now=now) == len(others):
        return
    for id in others:
        if await tx.one(store.PROVIDER, Provider, key=id) is None:
            raise Invalid(f"Allocation for resource provider '{id}' that does not exist.")


async def of_consumer(database: Database, consumer: str) -> Held:
    """What it holds, and the generations of the providers that it holds it of.

    The consumer is read first: whoever writes by a generation that is older than the rows is refused.
    """
    holder = await database.one(store.CONSUMER, Consumer, key=consumer)
    rows = await database.all(store.OF_CONSUMER, Allocation, key=consumer)
    ids = {row.provider for row in rows}
    found = (
        await database.all(select(t.providers).where(t.providers.c.uuid.in_(store.padded(ids))), Provider)
        if ids
        else []
    )
    return Held(
        consumer=holder, allocations=rows, generations={provider.uuid: provider.generation for provider in found}
    )


async def of_provider(database: Database, id: str) -> tuple[list[Allocation], dict[str, Consumer]]:
    """What is sold of a provider, and to whom."""
    rows = await database.all(store.OF_PROVIDER, Allocation, key=id)
    c, a = t.consumers.c, t.allocations.c
    query = select(t.consumers).where(c.uuid.in_(select(a.consumer).where(a.provider == id)))
    return rows, {consumer.uuid: consumer for consumer in await database.all(query, Consumer)}


async def delete(database: Database, consumer: str) -> None:
    """Give everything back. Raises NotFound where it holds nothing."""

    async def work(tx: Transaction) -> None:
        await tx.run(store.DELETE_CONSUMER, key=consumer)
        if not await tx.run(store.DELETE_OF_CONSUMER, key=consumer):
            raise PlacementNotFound(f"No allocations for consumer '{consumer}'.")

    await database.transact(work)


class ProjectUsage(msgspec.Struct):
    """A sum of allocations."""

    consumer_type: str
    resource_class: str
    used: int
    consumers: int


async def project_usages(database: Database, project: str, user: str | None, kind: str | None) -> list[ProjectUsage]:
    """What a project holds, by consumer type and class. ``kind``: a consumer type."""
    c, a = t.consumers.c, t.allocations.c
    query = (
        select(
            c.consumer_type,
            a.resource_class,
            func.sum(a.used).label("used"),
            func.count(a.consumer.distinct()).label("consumers"),
        )
        .join(t.allocations, c.uuid == a.consumer)
        .where(c.project_id == project)
        .group_by(c.consumer_type, a.resource_class)
    )
    if user is not None:
        query = query.where(c.user_id == user)
    if kind is not None:
        query = query.where(c.consumer_type == kind)
    return await database.all(query, ProjectUsage)


async def consumers_by_type(database: Database, project: str, user: str | None) -> dict[str, int]:
    """How many consumers a project has, by type."""
    c, a = t.consumers.c, t.allocations.c
    query = (
        select(c.consumer_type.label("provider"), c.project_id.label("resource_class"), func.count().label("used"))
        .where(c.project_id == project, c.uuid.in_(select(a.consumer)))
        .group_by(c.consumer_type, c.project_id)
    )
    if user is not None:
        query = query.where(c.user_id == user)
    return {row.provider: int(row.used) for row in await database.all(query, store.Usage)}
