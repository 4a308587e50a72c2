"""Rows and statements of the placement database."""

from collections.abc import Iterable
from functools import lru_cache

import msgspec
from sqlalchemy import BindParameter, bindparam, delete, func, select, update

from tinstack.core.db import Database, Prepared, Statement, Transaction, prepared, values
from tinstack.placement import tables as t


class Provider(msgspec.Struct, kw_only=True):
    """A source of inventory. ``root``: the top of its tree (itself where it has no parent)."""

    uuid: str
    name: str
    generation: int
    parent: str | None
    root: str
    created_at: int
    updated_at: int


class Inventory(msgspec.Struct, kw_only=True):
    """What a provider has of a resource class."""

    provider: str
    resource_class: str
    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = 2**31 - 1
    step_size: int = 1
    allocation_ratio: float = 1.0

    @property
    def capacity(self) -> int:
        """What may be sold of it."""
        return int((self.total - self.reserved) * self.allocation_ratio)


class Consumer(msgspec.Struct, kw_only=True):
    """Who holds allocations."""

    uuid: str
    project_id: str
    user_id: str
    consumer_type: str
    generation: int
    updated_at: int


class Allocation(msgspec.Struct, kw_only=True):
    """An amount sold."""

    consumer: str
    provider: str
    resource_class: str
    used: int


class Usage(msgspec.Struct):
    """The sum of what is sold of a provider's class."""

    provider: str
    resource_class: str
    used: int


class Pair(msgspec.Struct):
    """A provider and the name of its trait or the id of its aggregate."""

    provider: str
    name: str


class Name(msgspec.Struct):
    """One name."""

    name: str


Reader = Database | Transaction

_P, _I, _C, _A = t.providers.c, t.inventories.c, t.consumers.c, t.allocations.c

PROVIDER = prepared(select(t.providers).where(_P.uuid == bindparam("key")))
ADD_PROVIDER = prepared(t.providers.insert())
BUMP = prepared(
    update(t.providers)
    .where(_P.uuid == bindparam("key"))
    .values(generation=_P.generation + 1, updated_at=bindparam("now"))
)
BUMP_FROM = prepared(
    update(t.providers)
    .where(_P.uuid == bindparam("key"), _P.generation == bindparam("wanted"))
    .values(generation=_P.generation + 1, updated_at=bindparam("now"))
)


@lru_cache(maxsize=16)
def bump_all(size: int) -> Prepared:
    """``BUMP`` of so many providers, ``key_0`` and on."""
    return prepared(
        update(t.providers)
        .where(_P.uuid.in_(_keys(size)))
        .values(generation=_P.generation + 1, updated_at=bindparam("now"))
    )


@lru_cache(maxsize=16)
def _inventories_of(size: int) -> Prepared:
    return prepared(select(t.inventories).where(_I.provider.in_(_keys(size))))


@lru_cache(maxsize=16)
def _used_of(size: int) -> Prepared:
    return prepared(
        select(_A.provider, _A.resource_class, func.sum(_A.used).label("used"))
        .where(_A.provider.in_(_keys(size)))
        .group_by(_A.provider, _A.resource_class)
    )


def _keys(size: int) -> list[BindParameter[str]]:
    return [bindparam(f"key_{n}") for n in range(size)]


INVENTORIES = prepared(select(t.inventories).where(_I.provider == bindparam("key")).order_by(_I.resource_class))
ADD_INVENTORY = prepared(t.inventories.insert())
DELETE_INVENTORIES = prepared(delete(t.inventories).where(_I.provider == bindparam("key")))
DELETE_INVENTORY = prepared(
    delete(t.inventories).where(_I.provider == bindparam("key"), _I.resource_class == bindparam("which"))
)
CONSUMER = prepared(select(t.consumers).where(_C.uuid == bindparam("key")))
ADD_CONSUMER = prepared(t.consumers.insert())
BUMP_CONSUMER = prepared(
    update(t.consumers)
    .where(_C.uuid == bindparam("key"), _C.generation == bindparam("wanted"))
    .values(
        generation=_C.generation + 1,
        project_id=bindparam("project"),
        user_id=bindparam("person"),
        consumer_type=bindparam("kind"),
        updated_at=bindparam("now"),
    )
)
DELETE_CONSUMER = prepared(delete(t.consumers).where(_C.uuid == bindparam("key")))
OF_CONSUMER = prepared(
    select(t.allocations).where(_A.consumer == bindparam("key")).order_by(_A.provider, _A.resource_class)
)
OF_PROVIDER = prepared(select(t.allocations).where(_A.provider == bindparam("key")).order_by(_A.consumer))
ADD_ALLOCATION = prepared(t.allocations.insert())
DELETE_OF_CONSUMER = prepared(delete(t.allocations).where(_A.consumer == bindparam("key")))
USED_CLASSES = prepared(select(_A.resource_class.label("name")).where(_A.provider == bindparam("key")).distinct())
TRAITS_OF = prepared(
    select(t.provider_traits.c.trait.label("name"))
    .where(t.provider_traits.c.provider == bindparam("key"))
    .order_by(t.provider_traits.c.trait)
)
AGGREGATES_OF = prepared(
    select(t.provider_aggregates.c.aggregate.label("name"))
    .where(t.provider_aggregates.c.provider == bindparam("key"))
    .order_by(t.provider_aggregates.c.aggregate)
)
ALL_PROVIDERS = prepared(select(t.providers).order_by(_P.created_at, _P.uuid))
ALL_INVENTORIES = prepared(select(t.inventories))
ALL_USED = prepared(
    select(_A.provider, _A.resource_class, func.sum(_A.used).label("used")).group_by(_A.provider, _A.resource_class)
)
ALL_TRAITS = prepared(select(t.provider_traits.c.provider, t.provider_traits.c.trait.label("name")))
ALL_AGGREGATES = prepared(select(t.provider_aggregates.c.provider, t.provider_aggregates.c.aggregate.label("name")))
CUSTOM_TRAITS = prepared(select(t.traits).order_by(t.traits.c.name))
CUSTOM_CLASSES = prepared(select(t.resource_classes).order_by(t.resource_classes.c.name))


class World(msgspec.Struct, kw_only=True):
    """Providers with all that filters and candidates look at."""

    providers: dict[str, Provider]
    inventories: dict[str, dict[str, Inventory]]
    used: dict[tuple[str, str], int]
    traits: dict[str, set[str]]
    aggregates: dict[str, set[str]]


async def world(db: Reader) -> World:
    """All providers, in one query per table."""
    providers = await db.all(ALL_PROVIDERS, Provider)
    found = World(
        providers={provider.uuid: provider for provider in providers},
        inventories={provider.uuid: {} for provider in providers},
        used={(row.provider, row.resource_class): int(row.used) for row in await db.all(ALL_USED, Usage)},
        traits={provider.uuid: set() for provider in providers},
        aggregates={provider.uuid: set() for provider in providers},
    )
    for inventory in await db.all(ALL_INVENTORIES, Inventory):
        if inventory.provider in found.inventories:
            found.inventories[inventory.provider][inventory.resource_class] = inventory
    for pair in await db.all(ALL_TRAITS, Pair):
        found.traits.setdefault(pair.provider, set()).add(pair.name)
    for pair in await db.all(ALL_AGGREGATES, Pair):
        found.aggregates.setdefault(pair.provider, set()).add(pair.name)
    return found


async def stock(db: Reader, providers: Iterable[str]) -> tuple[list[Inventory], dict[tuple[str, str], int]]:
    """What a few providers have, and (provider, class) → what is sold of it."""
    keys = padded(providers)
    given = named(keys)
    rows = await db.all(_used_of(len(keys)), Usage, **given)
    return (
        await db.all(_inventories_of(len(keys)), Inventory, **given),
        {(row.provider, row.resource_class): int(row.used) for row in rows},
    )


async def used(db: Reader, providers: Iterable[str]) -> dict[tuple[str, str], int]:
    """(provider, class) → what is sold, of a few providers."""
    keys = padded(providers)
    rows = await db.all(_used_of(len(keys)), Usage, **named(keys))
    return {(row.provider, row.resource_class): int(row.used) for row in rows}


def named(keys: Iterable[str]) -> dict[str, str]:
    """``key_0`` and on, for statements about several."""
    return {f"key_{n}": key for n, key in enumerate(keys)}


def padded(keys: Iterable[str]) -> list[str]:
    """A list for IN whose length is a power of two, so that few texts of a statement exist."""
    found = sorted(set(keys)) or [""]
    size = 1 << (len(found) - 1).bit_length()
    return found + [found[-1]] * (size - len(found))


async def names(db: Reader, statement: Statement, **parameters: str) -> list[str]:
    """A column of names."""
    rows = await db.all(statement, Name, **parameters)
    return [row.name for row in rows]


async def add_inventories(tx: Transaction, inventories: Iterable[Inventory]) -> None:
    """Insert them."""
    await tx.run_many(ADD_INVENTORY, [values(inventory) for inventory in inventories])
