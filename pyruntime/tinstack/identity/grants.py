"""The rules of grants, and role assignments as they are listed."""

from collections.abc import Iterable, Iterator

import msgspec

from tinstack.identity import rows
from tinstack.identity.errors import ActionForbidden, Missing
from tinstack.identity.identity import Identity
from tinstack.identity.snapshot import Scope, Snapshot
from tinstack.identity.store import Writer


class Assignment(msgspec.Struct, frozen=True):
    """A line of the list: ``granted`` is the grant that it comes from, the rest is what is said."""

    granted: rows.Grant
    actor: str
    actor_id: str
    target: str
    target_id: str
    role_id: str
    prior_id: str | None = None


async def give(identity: Identity, grant: rows.Grant) -> None:
    """Give a role; having it already is fine. Raises ActionForbidden for a role of another domain than the project's."""
    snapshot = await identity.now()
    role = snapshot.roles[grant.role_id]
    if role.domain_id and grant.target == "project":
        place = snapshot.projects.get(grant.target_id)
        if place is None or (place.domain_id or place.id) != role.domain_id:
            raise ActionForbidden(why="the role belongs to another domain")

    async def work(writer: Writer) -> None:
        kind = rows.User if grant.actor == "user" else rows.Group
        if not await writer.there(kind, id=grant.actor_id):
            raise Missing(kind=grant.actor, id=grant.actor_id)
        if grant.target != "system" and not await writer.there(rows.Project, id=grant.target_id):
            raise Missing(kind=grant.target, id=grant.target_id)
        if not await writer.there(rows.Grant, **_where(grant)):
            await writer.insert(grant)

    await identity.store.write(work)
    await identity.revoker.tell(user_ids=snapshot.users_of(grant.actor, grant.actor_id))


async def take(identity: Identity, grant: rows.Grant) -> None:
    """Take a role away, now and everywhere. Raises Missing."""

    async def work(writer: Writer) -> None:
        if not await writer.delete(rows.Grant, **_where(grant)):
            raise Missing(kind="role assignment of role", id=grant.role_id)

    await identity.store.write(work)
    await identity.revoker.tell(user_ids=(await identity.now()).users_of(grant.actor, grant.actor_id))


def _where(grant: rows.Grant) -> dict[str, str | int]:
    return {
        name: int(value) if isinstance(value := getattr(grant, name), bool) else value
        for name in grant.__struct_fields__
    }


def listed(snapshot: Snapshot, *, effective: bool) -> Iterator[Assignment]:
    """All grants; ``effective``: per user and place with groups, inheritance and implied roles resolved."""
    seen: set[tuple[str, str, str, str]] = set()
    for grant in snapshot.grants:
        if (
            grant.role_id not in snapshot.roles
            or not _actor_there(snapshot, grant)
            or not _target_there(snapshot, grant)
        ):
            continue
        if not effective:
            yield Assignment(grant, grant.actor, grant.actor_id, grant.target, grant.target_id, grant.role_id)
            continue
        for one in _resolved(snapshot, grant):
            key = one.actor_id, one.target, one.target_id, one.role_id
            if key not in seen:
                seen.add(key)
                yield one


def _actor_there(snapshot: Snapshot, grant: rows.Grant) -> bool:
    return grant.actor_id in (snapshot.users if grant.actor == "user" else snapshot.groups)


def _target_there(snapshot: Snapshot, grant: rows.Grant) -> bool:
    return grant.target == "system" or grant.target_id in snapshot.projects


def _resolved(snapshot: Snapshot, grant: rows.Grant) -> Iterator[Assignment]:
    places: Iterable[tuple[str, str]] = [(grant.target, grant.target_id)]
    if grant.inherited:
        places = [("project", one) for one in snapshot.below(grant.target_id)]
    roles = [one for one in snapshot.expand([grant.role_id]) if not snapshot.roles[one].domain_id]
    for user_id in snapshot.users_of(grant.actor, grant.actor_id):
        if user_id not in snapshot.users:
            continue
        for target, target_id in places:
            for role_id in roles:
                prior = grant.role_id if role_id != grant.role_id else None
                yield Assignment(grant, "user", user_id, target, target_id, role_id, prior)


def roles_of(snapshot: Snapshot, actor: str, actor_id: str, scope: Scope, *, inherited: bool) -> list[rows.Role]:
    """The roles granted to one actor on one target, as they were granted."""
    return [
        snapshot.roles[grant.role_id]
        for grant in snapshot.grants_of.get((actor, actor_id), ())
        if (grant.target, grant.target_id, grant.inherited) == (scope.kind, scope.id, inherited)
        and grant.role_id in snapshot.roles
    ]
