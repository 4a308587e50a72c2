"""Inventories: what a provider has to sell. Every change names the provider's generation."""

from tinstack.core.clock import now_us
from tinstack.core.db import Database, Duplicate, Transaction, values
from tinstack.placement import providers, store
from tinstack.placement.errors import ConcurrentUpdate, Invalid, InventoryInUse, PlacementNotFound
from tinstack.placement.standard import RESOURCE_CLASSES
from tinstack.placement.store import Inventory, Provider


class NoSuchInventory(PlacementNotFound):
    message = "No inventory of class {which} found for resource provider {id}."


def check(inventory: Inventory, reserved_may_equal_total: bool) -> None:
    """Raises Invalid where nothing (from 1.26: less than nothing) would be left to sell."""
    room = inventory.total - inventory.reserved
    if room < 0 or (room == 0 and not reserved_may_equal_total):
        raise Invalid(
            f"Invalid inventory for '{inventory.resource_class}' on resource provider '{inventory.provider}'. "
            "The reserved value is greater than or equal to total."
        )


async def check_classes(db: store.Reader, names: set[str]) -> None:
    """Raises Invalid for a class that does not exist."""
    unknown = names - set(RESOURCE_CLASSES)
    if unknown:
        unknown -= set(await store.names(db, store.CUSTOM_CLASSES))
    if unknown:
        raise Invalid(f"Unknown resource class in inventory: No such resource class {', '.join(sorted(unknown))}.")


async def of(database: Database, id: str) -> tuple[Provider, list[Inventory]]:
    """A provider and its inventories."""
    provider = await providers.get(database, id)
    return provider, await database.all(store.INVENTORIES, Inventory, key=id)


async def replace(database: Database, id: str, generation: int, wanted: list[Inventory]) -> Provider:
    """All inventories of a provider at once. Raises InventoryInUse for a class that goes while it is sold."""

    async def work(tx: Transaction) -> Provider:
        await providers.bump(tx, id, generation)
        await check_classes(tx, {inventory.resource_class for inventory in wanted})
        await _refuse_used(tx, id, keep={inventory.resource_class for inventory in wanted})
        await tx.run(store.DELETE_INVENTORIES, key=id)
        await store.add_inventories(tx, wanted)
        return await providers.get(tx, id)

    return await database.transact(work)


async def set_one(database: Database, generation: int, wanted: Inventory) -> Provider:
    """Change the inventory of one class that is there. Raises Invalid where it is not."""

    async def work(tx: Transaction) -> Provider:
        await providers.bump(tx, wanted.provider, generation)
        if not await tx.run(store.DELETE_INVENTORY, key=wanted.provider, which=wanted.resource_class):
            raise Invalid(f"No inventory record with resource class {wanted.resource_class}: create it first.")
        await store.add_inventories(tx, [wanted])
        return await providers.get(tx, wanted.provider)

    return await database.transact(work)


async def add(database: Database, generation: int | None, wanted: Inventory) -> Provider:
    """One more class. Raises ConcurrentUpdate where it is there already."""

    async def work(tx: Transaction) -> Provider:
        if generation is None:
            await tx.run(store.BUMP, key=wanted.provider, now=now_us())
        else:
            await providers.bump(tx, wanted.provider, generation)
        await check_classes(tx, {wanted.resource_class})
        await tx.run(store.ADD_INVENTORY, **values(wanted))
        return await providers.get(tx, wanted.provider)

    try:
        return await database.transact(work)
    except Duplicate as error:
        raise ConcurrentUpdate(
            kind=f"The inventory of {wanted.resource_class} on resource provider", id=wanted.provider
        ) from error


async def delete(database: Database, id: str, which: str | None) -> None:
    """One class, or (None) all. Raises InventoryInUse, NoSuchInventory."""

    async def work(tx: Transaction) -> None:
        if not await tx.run(store.BUMP, key=id, now=now_us()):
            raise providers.NoSuchProvider(id=id)
        if which is None:
            await _refuse_used(tx, id, keep=set())
            await tx.run(store.DELETE_INVENTORIES, key=id)
            return
        there = {row.resource_class for row in await tx.all(store.INVENTORIES, Inventory, key=id)}
        if which not in there:
            raise NoSuchInventory(which=which, id=id)
        await _refuse_used(tx, id, keep=there - {which})
        await tx.run(store.DELETE_INVENTORY, key=id, which=which)

    await database.transact(work)


async def _refuse_used(tx: Transaction, id: str, keep: set[str]) -> None:
    lost = set(await store.names(tx, store.USED_CLASSES, key=id)) - keep
    if lost:
        raise InventoryInUse(classes=", ".join(sorted(lost)), id=id)
