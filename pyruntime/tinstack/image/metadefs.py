"""Metadata definitions: namespaces of the words by which images and other things are described, and what these words mean.

A namespace holds objects, properties, tags and associations with types of resources; these are all items of it.
"""

from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy import bindparam, or_, select, update

from tinstack.core.clock import now_us
from tinstack.core.context import Context
from tinstack.core.db import Database, Duplicate, Transaction, prepared, values
from tinstack.core.errors import Conflict, Forbidden, NotFound
from tinstack.image import tables as t
from tinstack.image.errors import Invalid
from tinstack.image.rows import PRIVATE, PUBLIC, Item, Namespace, ResourceType

OBJECT, PROPERTY, TAG, ASSOCIATION = "object", "property", "tag", "association"
KINDS = (OBJECT, PROPERTY, TAG, ASSOCIATION)

WORDS = {OBJECT: "Object", PROPERTY: "Property", TAG: "Tag", ASSOCIATION: "Resource type association"}

RESOURCE_TYPES = (
    "OS::Cinder::Volume",
    "OS::Glance::Image",
    "OS::Nova::Aggregate",
    "OS::Nova::Flavor",
    "OS::Nova::Server",
)
"""Types that are known from the start; others are known once a namespace is associated with them."""

_N, _I = t.namespaces.c, t.namespace_items.c
NAMESPACE = prepared(select(t.namespaces).where(_N.namespace == bindparam("key")))
ADD = prepared(t.namespaces.insert())
ADD_ITEM = prepared(t.namespace_items.insert())
ITEMS = prepared(
    select(t.namespace_items)
    .where(_I.namespace_id == bindparam("key"), _I.kind == bindparam("of"))
    .order_by(_I.created_at, _I.name)
)
ALL_ITEMS = prepared(
    select(t.namespace_items).where(_I.namespace_id == bindparam("key")).order_by(_I.created_at, _I.name)
)
TYPES = prepared(select(t.resource_types).order_by(t.resource_types.c.name))
ADD_TYPE = prepared(t.resource_types.insert())


class NoSuchNamespace(NotFound):
    code, message = "image.namespace", "Metadata definition namespace={name} was not found."


class NoSuchItem(NotFound):
    code, message = "image.metadef", "{kind} {name} was not found in namespace {namespace}."


class Exists(Conflict):
    code, message = "image.metadef.exists", "{what} {name} already exists."


class ProtectedNamespace(Forbidden):
    code, message = "image.namespace.protected", "Namespace {name} is protected and cannot be deleted."


class Wanted(msgspec.Struct, kw_only=True):
    """A list of namespaces. ``project`` None: sees all."""

    project: str | None
    visibility: str | None
    resource_types: list[str]
    sort_key: str
    ascending: bool
    marker: str | None
    limit: int


class Metadefs:
    """The rules."""

    def __init__(self, database: Database) -> None:
        self.database = database

    # --- namespaces ---------------------------------------------------------------------------------

    async def visible(self, context: Context, name: str) -> Namespace:
        """Raises NoSuchNamespace for those that the caller may not know of."""
        row = await self.database.one(NAMESPACE, Namespace, key=name)
        if row is None or not (context.is_admin or row.visibility == PUBLIC or row.owner == context.project_id):
            raise NoSuchNamespace(name=name)
        return row

    async def namespaces(self, wanted: Wanted) -> list[Namespace]:
        """A page. Raises NoSuchNamespace for a marker that is not there."""
        column, id = getattr(_N, wanted.sort_key), _N.id
        found = select(t.namespaces)
        if wanted.project is not None:
            found = found.where(or_(_N.visibility == PUBLIC, _N.owner == wanted.project))
        if wanted.visibility:
            found = found.where(_N.visibility == wanted.visibility)
        if wanted.resource_types:
            typed = select(_I.namespace_id).where(_I.kind == ASSOCIATION, _I.name.in_(wanted.resource_types))
            found = found.where(id.in_(typed))
        if wanted.marker is not None:
            row = await self.database.one(NAMESPACE, Namespace, key=wanted.marker)
            if row is None:
                raise NoSuchNamespace(name=wanted.marker)
            at = getattr(row, wanted.sort_key)
            beyond, next_id = (column > at, id > row.id) if wanted.ascending else (column < at, id < row.id)
            found = found.where(or_(beyond, (column == at) & next_id))
        order = (column.asc(), id.asc()) if wanted.ascending else (column.desc(), id.desc())
        return await self.database.all(found.order_by(*order).limit(wanted.limit), Namespace)

    async def create(self, given: dict[str, Any], owner: str) -> Namespace:
        """With all that it holds. Raises Exists."""
        now = now_us()
        row = Namespace(
            id=uuid4().hex,
            namespace=given["namespace"],
            display_name=given.get("display_name"),
            description=given.get("description"),
            visibility=given.get("visibility", PRIVATE),
            protected=given.get("protected", False),
            owner=given.get("owner") or owner,
            created_at=now,
            updated_at=now,
        )
        items = [
            *((OBJECT, one) for one in given.get("objects", [])),
            *((TAG, one) for one in given.get("tags", [])),
            *((ASSOCIATION, one) for one in given.get("resource_type_associations", [])),
            *((PROPERTY, {**one, "name": name}) for name, one in given.get("properties", {}).items()),
        ]

        async def work(tx: Transaction) -> None:
            await tx.run(ADD, **values(row))
            for kind, one in items:
                await _insert(tx, _item(row.id, kind, one, now))

        try:
            await self.database.transact(work)
        except Duplicate as error:
            raise Exists(what="Namespace or something in it named", name=row.namespace) from error
        return row

    async def update(self, row: Namespace, given: dict[str, Any]) -> Namespace:
        """Raises Exists, NoSuchNamespace."""
        names = ("namespace", "display_name", "description", "visibility", "protected", "owner")
        kept = {name: given[name] for name in names if name in given}
        changed = msgspec.structs.replace(row, **kept, updated_at=now_us())
        columns = values(changed)
        del columns["id"]

        async def work(tx: Transaction) -> int:
            return await tx.run(update(t.namespaces).where(_N.id == row.id).values(**columns))

        try:
            if not await self.database.transact(work):
                raise NoSuchNamespace(name=row.namespace)
        except Duplicate as error:
            raise Exists(what="Namespace", name=changed.namespace) from error
        return changed

    async def delete(self, row: Namespace) -> None:
        """With all that it holds. Raises ProtectedNamespace."""
        if row.protected:
            raise ProtectedNamespace(name=row.namespace)

        async def work(tx: Transaction) -> None:
            await tx.run(t.namespace_items.delete().where(_I.namespace_id == row.id))
            await tx.run(t.namespaces.delete().where(_N.id == row.id))

        await self.database.transact(work)

    # --- what they hold -----------------------------------------------------------------------------

    async def items(self, namespace: Namespace, kind: str) -> list[Item]:
        """All of a kind, the oldest first."""
        return await self.database.all(ITEMS, Item, key=namespace.id, of=kind)

    async def everything(self, namespace: Namespace) -> dict[str, list[Item]]:
        """All items by kind."""
        found: dict[str, list[Item]] = {kind: [] for kind in KINDS}
        for item in await self.database.all(ALL_ITEMS, Item, key=namespace.id):
            found[item.kind].append(item)
        return found

    async def associations(self, namespaces: list[Namespace]) -> dict[str, list[Item]]:
        """By namespace id, by one query."""
        found: dict[str, list[Item]] = {row.id: [] for row in namespaces}
        if found:
            wanted = select(t.namespace_items).where(_I.kind == ASSOCIATION, _I.namespace_id.in_(list(found)))
            for item in await self.database.all(wanted.order_by(_I.created_at, _I.name), Item):
                found[item.namespace_id].append(item)
        return found

    async def item(self, namespace: Namespace, kind: str, name: str) -> Item:
        """Raises NoSuchItem."""
        one = select(t.namespace_items).where(_I.namespace_id == namespace.id, _I.kind == kind, _I.name == name)
        row = await self.database.one(one, Item)
        if row is None:
            raise NoSuchItem(kind=WORDS[kind], name=name, namespace=namespace.namespace)
        return row

    async def add(self, namespace: Namespace, kind: str, given: dict[str, Any]) -> Item:
        """Raises Exists."""
        item = _item(namespace.id, kind, given, now_us())
        try:
            await self.database.transact(lambda tx: _insert(tx, item))
        except Duplicate as error:
            raise Exists(what=WORDS[kind], name=item.name) from error
        return item

    async def set_tags(self, namespace: Namespace, names: list[str], *, append: bool) -> list[Item]:
        """Replace the tags, or add those that are missing; the tags named. Raises Exists for one named twice."""
        now = now_us()
        if len(set(names)) != len(names):
            raise Exists(what="Tag", name=next(name for name in names if names.count(name) > 1))

        async def work(tx: Transaction) -> None:
            there: set[str] = set()
            if append:
                there = {row.name for row in await tx.all(ITEMS, Item, key=namespace.id, of=TAG)}
            else:
                await tx.run(t.namespace_items.delete().where(_I.namespace_id == namespace.id, _I.kind == TAG))
            for name in names:
                if name not in there:
                    await _insert(tx, _item(namespace.id, TAG, {"name": name}, now))

        await self.database.transact(work)
        return [row for row in await self.items(namespace, TAG) if row.name in names]

    async def change(self, namespace: Namespace, before: Item, given: dict[str, Any]) -> Item:
        """Replace an item, under another name too. Raises Exists, NoSuchItem."""
        after = _item(namespace.id, before.kind, given, now_us())
        after.created_at = before.created_at
        this = (_I.namespace_id == namespace.id, _I.kind == before.kind, _I.name == before.name)

        async def work(tx: Transaction) -> int:
            return await tx.run(update(t.namespace_items).where(*this).values(**values(after)))

        try:
            if not await self.database.transact(work):
                raise NoSuchItem(kind=WORDS[before.kind], name=before.name, namespace=namespace.namespace)
        except Duplicate as error:
            raise Exists(what=WORDS[before.kind], name=after.name) from error
        return after

    async def remove(self, namespace: Namespace, kind: str, name: str | None = None) -> None:
        """One, or all of a kind. Raises NoSuchItem."""
        this = [_I.namespace_id == namespace.id, _I.kind == kind]
        if name is not None:
            this.append(_I.name == name)

        async def work(tx: Transaction) -> int:
            return await tx.run(t.namespace_items.delete().where(*this))

        if not await self.database.transact(work) and name is not None:
            raise NoSuchItem(kind=WORDS[kind], name=name, namespace=namespace.namespace)

    async def resource_types(self) -> list[ResourceType]:
        """All that are known."""
        kept = await self.database.all(TYPES, ResourceType)
        names = {row.name for row in kept}
        known = [ResourceType(name=name, created_at=0, updated_at=0) for name in RESOURCE_TYPES if name not in names]
        return sorted([*known, *kept], key=lambda row: row.name)


def _item(namespace_id: str, kind: str, given: dict[str, Any], now: int) -> Item:
    if kind == OBJECT and (missing := set(given.get("required", ())) - set(given.get("properties", ()))):
        raise Invalid(f"The object requires properties that it does not have: {', '.join(sorted(missing))}.")
    content = {
        name: value
        for name, value in given.items()
        if name not in ("name", "created_at", "updated_at", "self", "schema")
    }
    return Item(
        namespace_id=namespace_id, kind=kind, name=given["name"], content=content, created_at=now, updated_at=now
    )


async def _insert(tx: Transaction, item: Item) -> None:
    await tx.run(ADD_ITEM, **values(item))
    if item.kind == ASSOCIATION:
        known = select(t.resource_types).where(t.resource_types.c.name == item.name)
        if await tx.one(known, ResourceType) is None:
            row = ResourceType(name=item.name, created_at=item.created_at, updated_at=item.updated_at)
            await tx.run(ADD_TYPE, **values(row))
