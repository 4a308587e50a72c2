"""Users. Source: Identity API v3 reference, "Users"."""

from tinstack.core.http import Request
from tinstack.identity import users, views
from tinstack.identity.errors import Missing
from tinstack.identity.handlers.common import list_domain, own_domain, target_of
from tinstack.identity.identity import Identity
from tinstack.identity.rows import User

FILTERS = ("name", "enabled", "domain_id")


async def _found(request: Request, identity: Identity, rule: str) -> User:
    """The user of the path for who may; 403 comes before 404."""
    user_id = request.path["user_id"]
    user = (await identity.now()).users.get(user_id)
    request.authorize(rule, {"user": target_of(user), "user_id": user_id})
    if user is None:
        raise Missing(kind="user", id=user_id)
    return user


async def index(request: Request, identity: Identity) -> object:
    """Users; of the caller's domain with a domain's token."""
    domain_id = list_domain(request)
    request.authorize("identity:list_users", {"domain_id": domain_id})
    snapshot = await identity.now()
    found = (user for user in snapshot.users.values() if domain_id in (None, user.domain_id))
    return views.collection(request, "users", (views.user(request, user) for user in found), "/v3/users", FILTERS)


async def create(request: Request, identity: Identity) -> object:
    """A new user; who may make them in one domain only names it."""
    given = request.body["user"]
    domain_id = given.get("domain_id") or own_domain(request)
    request.authorize("identity:create_user", {"user": {"domain_id": given.get("domain_id")}})
    return {"user": views.user(request, await users.create(identity, domain_id, given))}


async def show(request: Request, identity: Identity) -> object:
    """One user."""
    return {"user": views.user(request, await _found(request, identity, "identity:get_user"))}


async def update(request: Request, identity: Identity) -> object:
    """Change a user."""
    user = await _found(request, identity, "identity:update_user")
    return {"user": views.user(request, await users.update(identity, user, request.body["user"]))}


async def delete(request: Request, identity: Identity) -> None:
    """Delete a user."""
    user = await _found(request, identity, "identity:delete_user")
    await users.delete(identity, user.id)


async def change_password(request: Request, identity: Identity) -> None:
    """By the user itself, with the original password and without a token."""
    given = request.body["user"]
    await users.change_password(identity, request.path["user_id"], given["original_password"], given["password"])


async def groups(request: Request, identity: Identity) -> object:
    """The groups of a user."""
    user = await _found(request, identity, "identity:list_groups_for_user")
    snapshot = await identity.now()
    found = [snapshot.groups[one] for one in snapshot.groups_of.get(user.id, ()) if one in snapshot.groups]
    if request.context.domain_id:
        found = [group for group in found if group.domain_id == request.context.domain_id]
    path = f"/v3/users/{user.id}/groups"
    return views.collection(request, "groups", (views.group(request, group) for group in found), path, ("name",))


async def projects(request: Request, identity: Identity) -> object:
    """The projects on which a user has a role."""
    user = await _found(request, identity, "identity:list_user_projects")
    found = (await identity.now()).projects_of(user.id)
    path = f"/v3/users/{user.id}/projects"
    shown = (views.project(request, project) for project in found)
    return views.collection(request, "projects", shown, path, ("name", "enabled", "domain_id"))
