"""Volumes that change hands: offered by one project, taken by whoever has the key.

Source: Block Storage API v3 reference, "Volume transfer" (os-volume-transfer, and volume-transfers from 3.55).
"""

import hashlib
import hmac
import secrets
from uuid import uuid4

from tinstack.core.clock import now_us
from tinstack.core.context import Context
from tinstack.core.db import Database, Transaction, values
from tinstack.core.errors import BadRequest, NotFound
from tinstack.volume import store
from tinstack.volume import tables as t
from tinstack.volume.errors import Invalid, InvalidState, NoSuchVolume
from tinstack.volume.quotas import Quotas
from tinstack.volume.rows import AVAILABLE, AWAITING_TRANSFER, Attachment, Snapshot, Transfer, Volume
from tinstack.volume.volumes import sees


class NoSuchTransfer(NotFound):
    code, message = "volume.transfer.not_found", "Transfer {id} could not be found."


class WrongKey(BadRequest):
    """400: whoever wants to take it does not have its key."""

    code, message = "volume.transfer.key", "Attempt to transfer {id} with invalid auth key."


class Transfers:
    """The rules."""

    def __init__(self, database: Database, quotas: Quotas) -> None:
        self.database, self._quotas = database, quotas

    async def get(self, context: Context, id: str) -> Transfer:
        """One that the caller's project offers; admins get any. Raises NoSuchTransfer."""
        row = await self.find(id)
        if not sees(context, row.project_id):
            raise NoSuchTransfer(id=id)
        return row

    async def find(self, id: str) -> Transfer:
        """Anybody's: who takes it shows its key. Raises NoSuchTransfer."""
        row = await self.database.one(store.TRANSFER, Transfer, key=id)
        if row is None:
            raise NoSuchTransfer(id=id)
        return row

    async def create(self, volume: Volume, name: str | None, *, snapshots: bool) -> tuple[Transfer, str]:
        """Offer it, with its snapshots or without; the key is told once. Raises InvalidState."""
        key, salt = secrets.token_hex(8), secrets.token_hex(8)
        made = Transfer(
            id=str(uuid4()),
            volume_id=volume.id,
            project_id=volume.project_id,
            name=name,
            salt=salt,
            key_hash=_hash(salt, key),
            snapshots=snapshots,
            created_at=now_us(),
        )

        async def work(tx: Transaction) -> None:
            if volume.status != AVAILABLE or await tx.all(store.ATTACHMENTS_OF, Attachment, key=volume.id):
                raise InvalidState(why="status must be available")
            there = await tx.all(store.SNAPSHOTS_OF, Snapshot, key=volume.id) if snapshots else []
            if any(one.status != AVAILABLE for one in there):
                raise Invalid("Invalid snapshot: snapshot status must be available.")
            await self._swap(tx, volume.id, AVAILABLE, AWAITING_TRANSFER)
            await tx.run(store.ADD_TRANSFER, **values(made))

        await self.database.transact(work)
        return made, key

    async def delete(self, transfer: Transfer) -> None:
        """The offer is withdrawn. Raises NoSuchTransfer where somebody took it meanwhile."""

        async def work(tx: Transaction) -> None:
            if not await tx.run(store.DELETE_TRANSFER, key=transfer.id):
                raise NoSuchTransfer(id=transfer.id)
            await tx.run(store.SWAP_VOLUME, key=transfer.volume_id, old=AWAITING_TRANSFER, new=AVAILABLE, now=now_us())

        await self.database.transact(work)

    async def accept(self, context: Context, transfer: Transfer, key: str) -> None:
        """The caller's project has it from now on. Raises WrongKey, InvalidState, OverLimit, NoSuchTransfer."""
        if not hmac.compare_digest(_hash(transfer.salt, key), transfer.key_hash):
            raise WrongKey(id=transfer.id)
        kinds = await store.types(self.database)
        project = context.project_id or ""

        async def work(tx: Transaction) -> None:
            volume = await tx.one(store.VOLUME, Volume, key=transfer.volume_id)
            if volume is None:
                raise NoSuchVolume(id=transfer.volume_id)
            kind = kinds.get(volume.volume_type_id or "")
            if kind and not kind.is_public and project not in await store.access(tx, kind.id):
                raise Invalid(f"The project {project} may not use the volume's type {kind.name}.")
            moved = await tx.all(store.SNAPSHOTS_OF, Snapshot, key=volume.id) if transfer.snapshots else []
            taken = {"volumes": 1, "gigabytes": volume.size + sum(one.size for one in moved), "snapshots": len(moved)}
            await self._quotas.take(tx, project, taken, kind.name if kind else None, volume.size)
            if not await tx.run(store.DELETE_TRANSFER, key=transfer.id):
                raise NoSuchTransfer(id=transfer.id)
            await self._swap(tx, volume.id, AWAITING_TRANSFER, AVAILABLE)
            owner = {"project_id": project, "user_id": context.user_id}
            await tx.run(t.volumes.update().where(t.volumes.c.id == volume.id).values(**owner))
            if transfer.snapshots:
                await tx.run(t.snapshots.update().where(t.snapshots.c.volume_id == volume.id).values(**owner))

        await self.database.transact(work)

    async def _swap(self, tx: Transaction, volume: str, old: str, new: str) -> None:
        if not await tx.run(store.SWAP_VOLUME, key=volume, old=old, new=new, now=now_us()):
            raise InvalidState(why=f"the status of volume {volume} is not {old} any more.")


def _hash(salt: str, key: str) -> str:
    """The key has 64 random bits and is asked for once a request: no slow hash is needed."""
    return hashlib.sha256(f"{salt}{key}".encode()).hexdigest()
