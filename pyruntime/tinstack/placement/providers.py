"""Resource providers: their tree, their generation, and which of them match a question."""

from uuid import uuid4

from sqlalchemy import select, update

from tinstack.core.clock import now_us
from tinstack.core.db import Database, Duplicate, Transaction, values
from tinstack.placement import store
from tinstack.placement import tables as t
from tinstack.placement.errors import (
    ConcurrentUpdate,
    DuplicateName,
    Invalid,
    PlacementNotFound,
    ProviderHasChildren,
    ProviderInUse,
)
from tinstack.placement.query import Wanted
from tinstack.placement.standard import RESOURCE_CLASSES, TRAITS
from tinstack.placement.store import Provider, World


class NoSuchProvider(PlacementNotFound):
    message = "No resource provider with uuid {id} found."


async def get(db: store.Reader, id: str) -> Provider:
    """By uuid. Raises NoSuchProvider."""
    found = await db.one(store.PROVIDER, Provider, key=id)
    if found is None:
        raise NoSuchProvider(id=id)
    return found


async def create(database: Database, name: str, id: str | None, parent: str | None) -> Provider:
    """A provider without inventory. Raises DuplicateName, Invalid (no such parent)."""
    now, id = now_us(), id or str(uuid4())
    if parent == id:
        raise Invalid("Unable to create resource provider: its parent provider can't be itself.")

    async def work(tx: Transaction) -> Provider:
        root = id
        if parent:
            above = await tx.one(store.PROVIDER, Provider, key=parent)
            if above is None:
                raise Invalid(f"Unable to create resource provider: the parent provider {parent} does not exist.")
            root = above.root
        made = Provider(uuid=id, name=name, generation=0, parent=parent, root=root, created_at=now, updated_at=now)
        await tx.run(store.ADD_PROVIDER, **values(made))
        return made

    try:
        return await database.transact(work)
    except Duplicate as error:
        raise DuplicateName(name=name if "name" in str(error) else id) from error


async def change(
    database: Database, id: str, name: str, parent: str | None, *, set_parent: bool, move: bool
) -> Provider:
    """Rename, and where ``set_parent`` give a parent; ``move``: also to another one (1.37)."""

    async def work(tx: Transaction) -> Provider:
        now = now_us()
        old = await get(tx, id)
        if set_parent and parent != old.parent:
            await _reparent(tx, old, parent, move)
        await tx.run(update(t.providers).where(t.providers.c.uuid == id).values(name=name, updated_at=now))
        return await get(tx, id)

    try:
        return await database.transact(work)
    except Duplicate as error:
        raise DuplicateName(name=name) from error


async def _reparent(tx: Transaction, old: Provider, parent: str | None, move: bool) -> None:
    if old.parent is not None and not move:
        raise Invalid("Re-parenting a provider is not allowed below microversion 1.37.")
    tree = {row.uuid: row for row in await tx.all(select(t.providers).where(t.providers.c.root == old.root), Provider)}
    below = {old.uuid}
    while more := {row.uuid for row in tree.values() if row.parent in below} - below:
        below |= more
    root = old.uuid
    if parent is not None:
        if parent in below:
            raise Invalid(
                "Creating loop in the provider tree is not allowed: the new parent is the provider itself or below it."
            )
        above = await tx.one(store.PROVIDER, Provider, key=parent)
        if above is None:
            raise Invalid(f"The parent provider {parent} does not exist.")
        root = above.root
    await tx.run(update(t.providers).where(t.providers.c.uuid == old.uuid).values(parent=parent))
    await tx.run(update(t.providers).where(t.providers.c.uuid.in_(store.padded(below))).values(root=root))


async def delete(database: Database, id: str) -> None:
    """With its inventory, traits and aggregates. Raises ProviderInUse, ProviderHasChildren."""

    async def work(tx: Transaction) -> None:
        if not await tx.run(store.BUMP, key=id, now=now_us()):
            raise NoSuchProvider(id=id)
        if await tx.scalar(select(t.providers.c.uuid).where(t.providers.c.parent == id).limit(1)):
            raise ProviderHasChildren(id=id)
        if await tx.scalar(select(t.allocations.c.consumer).where(t.allocations.c.provider == id).limit(1)):
            raise ProviderInUse(id=id)
        for table in (t.inventories, t.provider_traits, t.provider_aggregates):
            await tx.run(table.delete().where(table.c.provider == id))
        await tx.run(t.providers.delete().where(t.providers.c.uuid == id))

    await database.transact(work)


async def bump(tx: Transaction, id: str, generation: int) -> None:
    """Compare-and-swap of the generation. Raises NoSuchProvider, ConcurrentUpdate."""
    if not await tx.run(store.BUMP_FROM, key=id, wanted=generation, now=now_us()):
        await get(tx, id)
        raise ConcurrentUpdate(kind="Resource provider", id=id)


async def search(database: Database, name: str | None, id: str | None, wanted: Wanted) -> list[Provider]:
    """Providers by name, uuid, tree, aggregates, traits and room. Raises Invalid for unknown classes or traits."""
    plain = not (wanted.resources or wanted.required or wanted.forbidden or wanted.member_of or wanted.not_member_of)
    if plain and wanted.in_tree is None:
        query = select(t.providers).order_by(t.providers.c.created_at, t.providers.c.uuid)
        if name is not None:
            query = query.where(t.providers.c.name == name)
        if id is not None:
            query = query.where(t.providers.c.uuid == id)
        return await database.all(query, Provider)
    await check_names(database, wanted)
    world = await store.world(database)
    root = world.providers[wanted.in_tree].root if wanted.in_tree in world.providers else None
    return [
        provider
        for provider in world.providers.values()
        if (name is None or provider.name == name)
        and (id is None or provider.uuid == id)
        and (wanted.in_tree is None or provider.root == root)
        and wanted.place_fits(world.traits[provider.uuid], world.aggregates[provider.uuid])
        and all(has_room(world, provider.uuid, kind, amount) for kind, amount in wanted.resources.items())
    ]


def has_room(world: World, provider: str, resource_class: str, amount: int) -> bool:
    """Whether so much is free and is an amount that the inventory sells."""
    inventory = world.inventories[provider].get(resource_class)
    return (
        inventory is not None
        and inventory.min_unit <= amount <= inventory.max_unit
        and amount % inventory.step_size == 0
        and world.used.get((provider, resource_class), 0) + amount <= inventory.capacity
    )


async def check_names(db: store.Reader, wanted: Wanted) -> None:
    """Raises Invalid for a class or trait that nobody made."""
    unknown = set(wanted.resources) - set(RESOURCE_CLASSES)
    if unknown:
        unknown -= set(await store.names(db, store.CUSTOM_CLASSES))
    if unknown:
        raise Invalid(
            f"Invalid resource class in resources parameter: No such resource class {', '.join(sorted(unknown))}."
        )
    traits = wanted.forbidden.union(*wanted.required) - TRAITS
    if traits:
        traits -= set(await store.names(db, store.CUSTOM_TRAITS))
    if traits:
        raise Invalid(f"No such trait(s): {', '.join(sorted(traits))}.")
