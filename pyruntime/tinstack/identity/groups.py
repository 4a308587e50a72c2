"""The rules of groups and who is in them."""

from typing import Any
from uuid import uuid4

import msgspec

from tinstack.core.db import Duplicate
from tinstack.identity import rows
from tinstack.identity.errors import Invalid, Missing, NameTaken
from tinstack.identity.identity import Identity
from tinstack.identity.store import Writer

KNOWN = {"id", "name", "domain_id", "description", "links"}


async def create(identity: Identity, domain_id: str, given: dict[str, Any]) -> rows.Group:
    """A new group. Raises Missing for the domain, NameTaken."""
    group = rows.Group(
        id=uuid4().hex,
        name=given["name"],
        domain_id=domain_id,
        description=given.get("description") or "",
        extra=_extra(given),
    )

    async def work(writer: Writer) -> None:
        if not await writer.there(rows.Project, id=domain_id, is_domain=1):
            raise Missing(kind="domain", id=domain_id)
        await writer.insert(group)

    try:
        await identity.store.write(work)
    except Duplicate as error:
        raise NameTaken(kind="group", name=group.name) from error
    return group


async def update(identity: Identity, group: rows.Group, given: dict[str, Any]) -> rows.Group:
    """Change a group. Raises Missing, NameTaken, Invalid."""
    if given.get("domain_id", group.domain_id) != group.domain_id:
        raise Invalid("A group can't be moved to another domain.")
    changed = msgspec.structs.replace(
        group,
        name=given.get("name", group.name),
        description=given.get("description", group.description) or "",
        extra={**group.extra, **_extra(given)},
    )

    async def work(writer: Writer) -> None:
        if not await writer.replace(changed):
            raise Missing(kind="group", id=group.id)

    try:
        await identity.store.write(work)
    except Duplicate as error:
        raise NameTaken(kind="group", name=changed.name) from error
    return changed


async def delete(identity: Identity, group_id: str) -> None:
    """A group with its grants: its members lose those roles now."""
    members = list((await identity.now()).members.get(group_id, ()))
    await identity.store.write(lambda writer: remove(writer, [group_id]))
    await identity.revoker.tell(user_ids=members)


async def remove(writer: Writer, group_ids: list[str]) -> None:
    """Within a transaction: groups, their members and grants."""
    if not group_ids:
        return
    await writer.delete(rows.Member, group_id=group_ids)
    await writer.delete(rows.Grant, actor="group", actor_id=group_ids)
    await writer.delete(rows.Group, id=group_ids)


async def add(identity: Identity, group: rows.Group, user: rows.User) -> None:
    """Put a user into a group; being in it already is fine."""

    async def work(writer: Writer) -> None:
        for kind, row in ((rows.Group, group), (rows.User, user)):
            if not await writer.there(kind, id=row.id):
                raise Missing(kind=kind.__name__.lower(), id=row.id)
        if not await writer.there(rows.Member, group_id=group.id, user_id=user.id):
            await writer.insert(rows.Member(group_id=group.id, user_id=user.id))

    await identity.store.write(work)
    await identity.revoker.tell(user_ids=[user.id])


async def take_out(identity: Identity, group: rows.Group, user: rows.User) -> None:
    """Raises Missing when the user is not in the group."""

    async def work(writer: Writer) -> None:
        if not await writer.delete(rows.Member, group_id=group.id, user_id=user.id):
            raise Missing(kind="user in the group", id=user.id)

    await identity.store.write(work)
    await identity.revoker.tell(user_ids=[user.id])


def _extra(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in KNOWN}
