"""Traits, resource classes and aggregates: names that providers carry."""

from sqlalchemy import Table, select

from tinstack.core.clock import now_us
from tinstack.core.db import Database, Duplicate, Transaction
from tinstack.core.errors import Conflict
from tinstack.placement import providers, store
from tinstack.placement import tables as t
from tinstack.placement.errors import UNDEFINED, ClassInUse, Invalid, PlacementNotFound, TraitInUse
from tinstack.placement.standard import PREFIX, RESOURCE_CLASSES, TRAITS
from tinstack.placement.store import Provider


class NoSuchTrait(PlacementNotFound):
    message = "No such trait: {name}."


class NoSuchClass(PlacementNotFound):
    message = "No resource class called {name} exists."


class ClassExists(Conflict):
    code, message = UNDEFINED, "Conflicting resource class already exists: {name}."


# --- traits -------------------------------------------------------------------------------------


async def traits(database: Database) -> list[str]:
    """All of them, standard and custom."""
    return sorted(TRAITS | set(await store.names(database, store.CUSTOM_TRAITS)))


async def associated_traits(database: Database) -> set[str]:
    """Those that some provider has."""
    return set(await store.names(database, select(t.provider_traits.c.trait.label("name")).distinct()))


async def add_trait(database: Database, name: str) -> bool:
    """Make a custom trait; False where it was there."""
    if not name.startswith(PREFIX):
        raise Invalid(f"The trait {name} is invalid. A valid trait must be no longer than 255 characters, start with the prefix "
                      f"\"{PREFIX}\" and use following characters: \"A\"-\"Z\", \"0\"-\"9\" and \"_\".")  # fmt: skip
    return await _insert(database, t.traits, name)


async def delete_trait(database: Database, name: str) -> None:
    """Raises Invalid for a standard one, TraitInUse, NoSuchTrait."""
    if name in TRAITS:
        raise Invalid(f"Cannot delete standard trait {name}.")

    async def work(tx: Transaction) -> None:
        if await tx.scalar(select(t.provider_traits.c.provider).where(t.provider_traits.c.trait == name).limit(1)):
            raise TraitInUse(name=name)
        if not await tx.run(t.traits.delete().where(t.traits.c.name == name)):
            raise NoSuchTrait(name=name)

    await database.transact(work)


async def set_traits(database: Database, id: str, wanted: list[str], generation: int | None) -> Provider:
    """The traits of a provider. ``generation`` None: whatever it is (DELETE)."""

    async def work(tx: Transaction) -> Provider:
        await _bump(tx, id, generation)
        unknown = set(wanted) - TRAITS
        if unknown:
            unknown -= set(await store.names(tx, store.CUSTOM_TRAITS))
        if unknown:
            raise Invalid(f"No such trait {', '.join(sorted(unknown))}.")
        await tx.run(t.provider_traits.delete().where(t.provider_traits.c.provider == id))
        await tx.run_many(t.provider_traits.insert(), [{"provider": id, "trait": name} for name in sorted(set(wanted))])
        return await providers.get(tx, id)

    return await database.transact(work)


# --- aggregates ---------------------------------------------------------------------------------


async def set_aggregates(database: Database, id: str, wanted: list[str], generation: int | None) -> Provider:
    """The aggregates of a provider. ``generation`` None: whatever it is (below 1.19)."""

    async def work(tx: Transaction) -> Provider:
        await _bump(tx, id, generation)
        table = t.provider_aggregates
        await tx.run(table.delete().where(table.c.provider == id))
        await tx.run_many(table.insert(), [{"provider": id, "aggregate": one} for one in sorted(set(wanted))])
        return await providers.get(tx, id)

    return await database.transact(work)


# --- resource classes ---------------------------------------------------------------------------


async def classes(database: Database) -> list[str]:
    """All of them, standard ones first."""
    return [*RESOURCE_CLASSES, *await store.names(database, store.CUSTOM_CLASSES)]


async def add_class(database: Database, name: str) -> bool:
    """Make a custom class; False where it was there."""
    return await _insert(database, t.resource_classes, name)


async def delete_class(database: Database, name: str) -> None:
    """Raises Invalid for a standard one, ClassInUse, NoSuchClass."""
    if name in RESOURCE_CLASSES:
        raise Invalid(f"Cannot delete standard resource class {name}.")

    async def work(tx: Transaction) -> None:
        if await tx.scalar(select(t.inventories.c.provider).where(t.inventories.c.resource_class == name).limit(1)):
            raise ClassInUse(name=name)
        if not await tx.run(t.resource_classes.delete().where(t.resource_classes.c.name == name)):
            raise NoSuchClass(name=name)

    await database.transact(work)


async def _bump(tx: Transaction, id: str, generation: int | None) -> None:
    if generation is not None:
        await providers.bump(tx, id, generation)
    elif not await tx.run(store.BUMP, key=id, now=now_us()):
        raise providers.NoSuchProvider(id=id)


async def _insert(database: Database, table: Table, name: str) -> bool:
    async def work(tx: Transaction) -> None:
        await tx.run(table.insert().values(name=name))

    try:
        await database.transact(work)
    except Duplicate:
        return False
    return True
