"""Groups. Source: Identity API v3 reference, "Groups"."""

from tinstack.core.http import Request
from tinstack.identity import groups, views
from tinstack.identity.errors import Missing
from tinstack.identity.handlers.common import list_domain, own_domain, required, target_of
from tinstack.identity.identity import Identity
from tinstack.identity.rows import Group, User


async def _found(request: Request, identity: Identity, rule: str) -> Group:
    group_id = request.path["group_id"]
    group = (await identity.now()).groups.get(group_id)
    request.authorize(rule, {"group": target_of(group)})
    if group is None:
        raise Missing(kind="group", id=group_id)
    return group


async def _member(request: Request, identity: Identity, rule: str) -> tuple[Group, User]:
    snapshot = await identity.now()
    group, user = snapshot.groups.get(request.path["group_id"]), snapshot.users.get(request.path["user_id"])
    request.authorize(rule, {"group": target_of(group), "user": target_of(user)})
    if group is None:
        raise Missing(kind="group", id=request.path["group_id"])
    if user is None:
        raise Missing(kind="user", id=request.path["user_id"])
    return group, user


async def index(request: Request, identity: Identity) -> object:
    """Groups; of the caller's domain with a domain's token."""
    domain_id = list_domain(request)
    request.authorize("identity:list_groups", {"group": {"domain_id": domain_id}})
    found = (group for group in (await identity.now()).groups.values() if domain_id in (None, group.domain_id))
    shown = (views.group(request, group) for group in found)
    return views.collection(request, "groups", shown, "/v3/groups", ("name", "domain_id"))


async def create(request: Request, identity: Identity) -> object:
    """A new group."""
    given = request.body["group"]
    domain_id = given.get("domain_id") or own_domain(request)
    request.authorize("identity:create_group", {"group": {"domain_id": domain_id}})
    return {"group": views.group(request, await groups.create(identity, domain_id, given))}


async def show(request: Request, identity: Identity) -> object:
    """One group."""
    return {"group": views.group(request, await _found(request, identity, "identity:get_group"))}


async def update(request: Request, identity: Identity) -> object:
    """Change a group."""
    group = await _found(request, identity, "identity:update_group")
    return {"group": views.group(request, await groups.update(identity, group, request.body["group"]))}


async def delete(request: Request, identity: Identity) -> None:
    """Delete a group."""
    id = request.path["group_id"]
    required((await identity.now()).groups.get(id), "group", id)  # here 404 comes before 403
    group = await _found(request, identity, "identity:delete_group")
    await groups.delete(identity, group.id)


async def members(request: Request, identity: Identity) -> object:
    """The users in a group."""
    group = await _found(request, identity, "identity:list_users_in_group")
    snapshot = await identity.now()
    found = [snapshot.users[one] for one in snapshot.members.get(group.id, ()) if one in snapshot.users]
    if request.context.domain_id:
        found = [user for user in found if user.domain_id == request.context.domain_id]
    shown = (views.user(request, user) for user in found)
    return views.collection(request, "users", shown, f"/v3/groups/{group.id}/users", ("name", "enabled"))


async def add_member(request: Request, identity: Identity) -> None:
    """Put a user into a group."""
    await groups.add(identity, *await _member(request, identity, "identity:add_user_to_group"))


async def check_member(request: Request, identity: Identity) -> None:
    """204 when the user is in the group, else 404."""
    group, user = await _member(request, identity, "identity:check_user_in_group")
    if user.id not in (await identity.now()).members.get(group.id, ()):
        raise Missing(kind="user in the group", id=user.id)


async def remove_member(request: Request, identity: Identity) -> None:
    """Take a user out of a group."""
    await groups.take_out(identity, *await _member(request, identity, "identity:remove_user_from_group"))
