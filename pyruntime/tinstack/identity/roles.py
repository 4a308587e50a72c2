"""The rules of roles and of what they imply."""

from typing import Any
from uuid import uuid4

import msgspec

from tinstack.core.db import Duplicate
from tinstack.identity import rows
from tinstack.identity.errors import ActionForbidden, Missing, NameTaken
from tinstack.identity.identity import Identity
from tinstack.identity.snapshot import Snapshot
from tinstack.identity.store import Writer

PROHIBITED = "admin"
"""The role that no other may imply, as upstream by default."""

KNOWN = {"id", "name", "domain_id", "description", "links"}


async def create(identity: Identity, given: dict[str, Any]) -> rows.Role:
    """A new role. Raises NameTaken, Missing for the domain."""
    snapshot = await identity.now()
    domain_id = given.get("domain_id") or rows.ROOT
    if domain_id and not snapshot.domain(domain_id):
        raise Missing(kind="domain", id=domain_id)
    role = rows.Role(
        id=uuid4().hex,
        name=given["name"],
        domain_id=domain_id,
        description=given.get("description") or "",
        extra=_extra(given),
    )
    _free(snapshot, role)

    async def work(writer: Writer) -> None:
        await writer.insert(role)

    try:
        await identity.store.write(work)
    except Duplicate as error:
        raise NameTaken(kind="role", name=role.name) from error
    return role


async def update(identity: Identity, role: rows.Role, given: dict[str, Any]) -> rows.Role:
    """Change a role. Raises NameTaken, Missing."""
    changed = msgspec.structs.replace(
        role,
        name=given.get("name", role.name),
        description=given.get("description", role.description) or "",
        extra={**role.extra, **_extra(given)},
    )
    _free(await identity.now(), changed)

    async def work(writer: Writer) -> None:
        if not await writer.replace(changed):
            raise Missing(kind="role", id=role.id)

    try:
        await identity.store.write(work)
    except Duplicate as error:
        raise NameTaken(kind="role", name=changed.name) from error
    await identity.revoker.tell(everything=changed.name != role.name)
    return changed


def _free(snapshot: Snapshot, wanted: rows.Role) -> None:
    """Policies compare role names without case, so two that differ only in case would be one."""
    for role in snapshot.roles.values():
        if role.id != wanted.id and role.domain_id == wanted.domain_id and role.name.lower() == wanted.name.lower():
            raise NameTaken(kind="role", name=wanted.name)


async def delete(identity: Identity, role: rows.Role) -> None:
    """A role with all grants of it: whoever had it loses it now."""

    async def work(writer: Writer) -> None:
        await writer.delete(rows.Grant, role_id=role.id)
        await writer.delete(rows.Implication, prior_id=role.id)
        await writer.delete(rows.Implication, implied_id=role.id)
        await writer.delete(rows.Role, id=role.id)

    await identity.store.write(work)
    await identity.revoker.tell(everything=True)


async def imply(identity: Identity, prior: rows.Role, implied: rows.Role) -> None:
    """Let one role imply another; a second time changes nothing. Raises ActionForbidden for a circle, and for the role admin."""
    snapshot = await identity.now()
    if implied.name == PROHIBITED:
        raise ActionForbidden(why=f"the role {PROHIBITED} can't be implied by another")
    if prior.id in snapshot.expand([implied.id]):
        raise ActionForbidden(why="the roles would imply each other in a circle")
    if implied.domain_id and not prior.domain_id:
        raise ActionForbidden(why="a global role can't imply a domain's role")

    async def work(writer: Writer) -> None:
        if not await writer.there(rows.Implication, prior_id=prior.id, implied_id=implied.id):
            await writer.insert(rows.Implication(prior_id=prior.id, implied_id=implied.id))

    await identity.store.write(work)
    await identity.revoker.tell(everything=True)


async def imply_no_more(identity: Identity, prior: rows.Role, implied: rows.Role) -> None:
    """Raises Missing."""

    async def work(writer: Writer) -> None:
        if not await writer.delete(rows.Implication, prior_id=prior.id, implied_id=implied.id):
            raise Missing(kind="implied role", id=implied.id)

    await identity.store.write(work)
    await identity.revoker.tell(everything=True)


def _extra(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in KNOWN}
