"""Snapshots of volumes."""

from typing import Any
from uuid import uuid4

from tinstack.core.clock import now_us
from tinstack.core.context import Context
from tinstack.core.db import Database, Transaction, to_json, values
from tinstack.core.operations import Operation
from tinstack.volume import store
from tinstack.volume import tables as t
from tinstack.volume.errors import Invalid, InvalidState, NoSuchSnapshot
from tinstack.volume.quotas import Quotas
from tinstack.volume.rows import AVAILABLE, DELETING, ERROR, ERROR_DELETING, IN_USE, Snapshot, Volume
from tinstack.volume.volumes import sees
from tinstack.volume.work import Work

CREATE, DELETE = "snapshot.create", "snapshot.delete"


class Snapshots:
    """The rules."""

    def __init__(self, database: Database, work: Work, quotas: Quotas) -> None:
        self.database, self.work, self.quotas = database, work, quotas

    async def get(self, context: Context, id: str) -> Snapshot:
        """A snapshot of the caller's project; admins and services get any. Raises NoSuchSnapshot."""
        row = await self.database.one(store.SNAPSHOT, Snapshot, key=id)
        if row is None or not sees(context, row.project_id):
            raise NoSuchSnapshot(id=id)
        return row

    async def create(self, context: Context, volume: Volume, wanted: dict[str, Any], force: bool) -> Snapshot:
        """A snapshot that is being taken. Raises InvalidState, OverLimit."""
        allowed = (AVAILABLE, IN_USE) if force else (AVAILABLE,)
        if volume.status not in allowed:
            raise InvalidState(
                why=f"Volume {volume.id} status must be {' or '.join(allowed)}, but current status is: {volume.status}."
            )
        kinds = await store.types(self.database)
        kind = kinds.get(volume.volume_type_id or "")
        made = Snapshot(
            id=str(uuid4()),
            volume_id=volume.id,
            project_id=volume.project_id,
            user_id=context.user_id,
            name=wanted.get("name"),
            description=wanted.get("description"),
            size=volume.size,
            metadata=wanted.get("metadata") or {},
            created_at=now_us(),
        )

        async def work(tx: Transaction) -> Operation:
            taken = {"snapshots": 1, "gigabytes": volume.size}
            await self.quotas.take(tx, volume.project_id, taken, kind.name if kind else None)
            if not await tx.run(store.SWAP_VOLUME, key=volume.id, old=volume.status, new=volume.status, now=now_us()):
                raise InvalidState(why=f"the status of volume {volume.id} is not {volume.status} any more.")
            await tx.run(store.ADD_SNAPSHOT, **values(made))
            return await self.work.open(tx, CREATE, made.id, made.project_id)

        self.work.begin(await self.database.transact(work))
        return made

    async def delete(self, snapshot: Snapshot, force: bool = False) -> None:
        """Begin to delete. Raises Invalid."""
        if not force and snapshot.status not in (AVAILABLE, ERROR, ERROR_DELETING):
            raise Invalid(f"Invalid snapshot: Snapshot status must be available or error, but is {snapshot.status}.")

        async def work(tx: Transaction) -> Operation:
            changed = await tx.run(
                store.SWAP_SNAPSHOT,
                key=snapshot.id,
                old=snapshot.status,
                new=DELETING,
                part=snapshot.progress,
                now=now_us(),
            )
            if not changed:
                raise Invalid(f"Invalid snapshot: its status is not {snapshot.status} any more.")
            return await self.work.open(tx, DELETE, snapshot.id, snapshot.project_id)

        self.work.begin(await self.database.transact(work))

    async def put(self, snapshot: Snapshot, **columns: Any) -> None:
        """Write some columns."""
        shown = {name: to_json(value) if isinstance(value, dict) else value for name, value in columns.items()}

        async def work(tx: Transaction) -> None:
            query = t.snapshots.update().where(t.snapshots.c.id == snapshot.id)
            if not await tx.run(query.values(**shown, updated_at=now_us())):
                raise NoSuchSnapshot(id=snapshot.id)

        await self.database.transact(work)
