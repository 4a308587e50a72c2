"""Volume types: which there are, who may use them, and the backend that a type means."""

from typing import Any
from uuid import uuid4

from tinstack.core.clock import now_us
from tinstack.core.context import Context
from tinstack.core.db import Database, Duplicate, Transaction, values
from tinstack.core.errors import Conflict
from tinstack.volume import store
from tinstack.volume import tables as t
from tinstack.volume.config import BackendConfig
from tinstack.volume.errors import Invalid, NoSuchType
from tinstack.volume.rows import Access, Type

BACKEND_NAME = "volume_backend_name"


class TypeExists(Conflict):
    code, message = "volume.type.exists", "Volume Type {name} already exists."


class TypeInUse(Invalid):
    code, message = "volume.type.in_use", "Target volume type is still in use."


class NoDefaultType(NoSuchType):
    message = "Default volume type can not be found."


class NoSuchSpec(NoSuchType):
    message = "Volume Type {id} has no extra specs with key {key}."


class Types:
    """``default``: the name of the type for volumes that name none."""

    def __init__(self, database: Database, backends: list[BackendConfig], default: str) -> None:
        self.database, self._backends, self.default_name = database, backends, default

    async def start(self) -> None:
        """Make a type for each backend where there are no types at all."""
        if await store.types(self.database):
            return
        for backend in self._backends:
            try:
                await self.create(backend.name, None, True, {BACKEND_NAME: backend.name})
            except TypeExists:
                continue

    async def visible(self, context: Context) -> list[Type]:
        """Public ones and those that the project may use; admins and services see all."""
        rows = list((await store.types(self.database)).values())
        if context.is_admin or context.is_service:
            return rows
        c = t.type_access.c
        mine = {
            row.volume_type_id
            for row in await self.database.all(
                t.type_access.select().where(c.project_id == (context.project_id or "")), Access
            )
        }
        return [row for row in rows if row.is_public or row.id in mine]

    async def get(self, context: Context, id: str) -> Type:
        """By id. Raises NoSuchType."""
        for row in await self.visible(context):
            if row.id == id:
                return row
        raise NoSuchType(id=id)

    async def named(self, context: Context, text: str | None) -> Type:
        """By id or name; none: the default type. Raises NoSuchType."""
        rows = await self.visible(context)
        if text is None:
            for row in rows:
                if row.name == self.default_name:
                    return row
            raise NoDefaultType
        for row in rows:
            if text in (row.id, row.name):
                return row
        raise NoSuchType(id=text)

    async def create(self, name: str, description: str | None, public: bool, specs: dict[str, str]) -> Type:
        """Raises TypeExists."""
        made = Type(
            id=str(uuid4()),
            name=name,
            description=description,
            is_public=public,
            extra_specs=specs,
            created_at=now_us(),
        )

        async def work(tx: Transaction) -> None:
            await tx.run(store.ADD_TYPE, **values(made))

        try:
            await self.database.transact(work)
        except Duplicate as error:
            raise TypeExists(name=name) from error
        return made

    async def change(self, id: str, **columns: Any) -> Type:
        """Change name, description, is_public or extra_specs. Raises TypeExists, NoSuchType."""
        columns = {key: int(value) if isinstance(value, bool) else value for key, value in columns.items()}

        async def work(tx: Transaction) -> Type:
            if columns:
                await tx.run(t.types.update().where(t.types.c.id == id).values(**columns))
            found = await tx.one(store.TYPE, Type, key=id)
            if found is None:
                raise NoSuchType(id=id)
            return found

        try:
            return await self.database.transact(work)
        except Duplicate as error:
            raise TypeExists(name=columns["name"]) from error

    async def change_specs(self, id: str, specs: dict[str, str] | None, remove: str | None = None) -> Type:
        """Add extra specs, or remove one. Raises NoSuchSpec."""

        async def work(tx: Transaction) -> Type:
            found = await tx.one(store.TYPE, Type, key=id)
            if found is None:
                raise NoSuchType(id=id)
            if remove is not None and found.extra_specs.pop(remove, None) is None:
                raise NoSuchSpec(id=id, key=remove)
            found.extra_specs.update(specs or {})
            await tx.run(t.types.update().where(t.types.c.id == id).values(extra_specs=values(found)["extra_specs"]))
            return found

        return await self.database.transact(work)

    async def delete(self, id: str) -> None:
        """Raises TypeInUse, NoSuchType."""

        async def work(tx: Transaction) -> None:
            if await tx.scalar(t.volumes.select().where(t.volumes.c.volume_type_id == id).limit(1)):
                raise TypeInUse
            if not await tx.run(t.types.delete().where(t.types.c.id == id)):
                raise NoSuchType(id=id)
            await tx.run(t.type_access.delete().where(t.type_access.c.volume_type_id == id))

        await self.database.transact(work)

    async def allow(self, row: Type, project: str, allowed: bool) -> None:
        """Give or take access to a private type."""
        if row.is_public:
            raise Invalid("Type access modification is not applicable to public volume type.")
        c = t.type_access.c

        async def work(tx: Transaction) -> int:
            if allowed:
                await tx.run(t.type_access.insert().values(volume_type_id=row.id, project_id=project))
                return 1
            return await tx.run(t.type_access.delete().where(c.volume_type_id == row.id, c.project_id == project))

        try:
            if not await self.database.transact(work):
                raise NoSuchType(f"Volume type access not found for {row.id} / {project} combination.")
        except Duplicate as error:
            raise Conflict(f"Volume type access for {row.id} / {project} combination already exists.") from error

    def backend_of(self, row: Type | None) -> str | None:
        """The backend that a type's extra specs ask for: the first one where they don't say; None where there is no such."""
        wanted = row.extra_specs.get(BACKEND_NAME) if row else None
        return next((backend.name for backend in self._backends if wanted in (None, backend.name)), None)
