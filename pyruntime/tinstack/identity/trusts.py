"""The rules of trusts: a user lets another use some of its roles on one project. Source: Identity API v3 extension OS-TRUST."""

from typing import Any
from uuid import uuid4

from tinstack.core.clock import now_us, parse_iso
from tinstack.identity import rows
from tinstack.identity.errors import ActionForbidden, Invalid, Missing
from tinstack.identity.identity import Identity
from tinstack.identity.snapshot import Snapshot
from tinstack.identity.store import Writer

MOST_REDELEGATIONS = 3


async def create(identity: Identity, given: dict[str, Any], parent_id: str | None) -> rows.Trust:
    """A new trust; ``parent_id``: of the trust by whose token it is made. Raises ActionForbidden, Missing, Invalid."""
    snapshot = await identity.now()
    project_id = given.get("project_id")
    if project_id and not given.get("roles"):
        raise ActionForbidden(why="a trust on a project needs one role at least")
    if given["trustee_user_id"] not in snapshot.users:
        raise Missing(kind="user", id=given["trustee_user_id"])
    if project_id and project_id not in snapshot.projects:
        raise Missing(kind="project", id=project_id)
    parent = _parent(snapshot, parent_id)
    trust = rows.Trust(
        id=uuid4().hex,
        trustor_user_id=given["trustor_user_id"],
        trustee_user_id=given["trustee_user_id"],
        project_id=project_id,
        impersonation=given["impersonation"],
        roles=[_role(snapshot, one) for one in given.get("roles") or []],
        expires_at=_end(given.get("expires_at")) or (parent.expires_at if parent else 0),
        remaining_uses=given.get("remaining_uses"),
        redelegation_count=_depth(given, parent),
        redelegated_trust_id=parent_id,
    )
    _check_roles(snapshot, trust)
    if parent:
        _check_parent(trust, parent)

    async def work(writer: Writer) -> None:
        if parent_id and not await writer.there(rows.Trust, id=parent_id):
            raise Missing(kind="trust", id=parent_id)
        await writer.insert(trust)

    await identity.store.write(work)
    return trust


def _parent(snapshot: Snapshot, parent_id: str | None) -> rows.Trust | None:
    parent = snapshot.trusts.get(parent_id or "")
    if parent_id and parent is None:
        raise Missing(kind="trust", id=parent_id)
    return parent


def _role(snapshot: Snapshot, wanted: dict[str, str]) -> str:
    if "id" in wanted:
        return wanted["id"]
    found = [role.id for role in snapshot.roles.values() if role.name == wanted.get("name")]
    if not found:
        raise Missing(kind="role", id=wanted.get("name", ""))
    if len(found) > 1:
        raise Invalid(f"Several roles are named {wanted['name']}; name the role by its id.")
    return found[0]


def _end(text: str | None) -> int:
    if text is None:
        return 0
    try:
        end = parse_iso(text)
    except ValueError as error:
        raise Invalid("expires_at is no ISO 8601 time.") from error
    if end <= now_us():
        raise Invalid("expires_at lies in the past.")
    return end


def _depth(given: dict[str, Any], parent: rows.Trust | None) -> int:
    """``redelegation_count`` of the new trust."""
    wanted = given.get("redelegation_count")
    if not given.get("allow_redelegation") or wanted == 0:
        return 0
    if given.get("remaining_uses") is not None:
        raise Invalid("remaining_uses can't be set where redelegation is allowed.")
    if wanted is not None and wanted > MOST_REDELEGATIONS:
        raise ActionForbidden(why=f"trusts are redelegated {MOST_REDELEGATIONS} times at the most")
    if parent:
        if wanted is not None and wanted != parent.redelegation_count - 1:
            raise ActionForbidden(why="redelegation_count follows from the redelegated trust")
        return parent.redelegation_count - 1
    return MOST_REDELEGATIONS if wanted is None else wanted


def _check_roles(snapshot: Snapshot, trust: rows.Trust) -> None:
    if missing := snapshot.lost_roles(trust):
        raise Missing(kind="role", id=missing[0])


def _check_parent(trust: rows.Trust, parent: rows.Trust) -> None:
    if not 0 < parent.redelegation_count <= MOST_REDELEGATIONS:
        raise ActionForbidden(why="the trust can't be redelegated")
    if trust.remaining_uses is not None:
        raise ActionForbidden(why="remaining_uses can't be set in a redelegated trust")
    if parent.expires_at and trust.expires_at > parent.expires_at:
        raise ActionForbidden(why="the trust would outlive the redelegated one")
    if trust.project_id != parent.project_id or not set(trust.roles) <= set(parent.roles):
        raise ActionForbidden(why="the trust would give more than the redelegated one")
    if trust.impersonation and not parent.impersonation:
        raise ActionForbidden(why="the redelegated trust does not allow impersonation")


async def delete(identity: Identity, trust: rows.Trust) -> None:
    """A trust with those made from it: their tokens end, in every service."""
    snapshot = await identity.now()
    gone = [trust]
    for one in gone:
        gone += [other for other in snapshot.trusts.values() if other.redelegated_trust_id == one.id]

    async def work(writer: Writer) -> None:
        if not await writer.delete(rows.Trust, id=trust.id):
            raise Missing(kind="trust", id=trust.id)
        await writer.delete(rows.Trust, id=[one.id for one in gone])

    await identity.store.write(work)
    await identity.revoker.tell(user_ids={user for one in gone for user in (one.trustor_user_id, one.trustee_user_id)})
