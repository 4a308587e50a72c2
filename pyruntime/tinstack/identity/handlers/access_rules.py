"""Access rules of application credentials. Source: Identity API v3 reference, "Application Credentials"."""

from tinstack.core.http import Request
from tinstack.identity import access_rules, views
from tinstack.identity.errors import Missing
from tinstack.identity.identity import Identity
from tinstack.identity.rows import AccessRule


def _authorize(request: Request, verb: str) -> str:
    user_id = request.path["user_id"]
    request.authorize(f"identity:{verb}", {"user": {"id": user_id}, "user_id": user_id})
    return user_id


async def _found(request: Request, identity: Identity, user_id: str) -> AccessRule:
    id = request.path["access_rule_id"]
    rule = (await identity.now()).access_rules.get(id)
    if rule is None or rule.user_id != user_id:
        raise Missing(kind="access rule", id=id)
    return rule


async def index(request: Request, identity: Identity) -> object:
    """A user's access rules."""
    user_id = _authorize(request, "list_access_rules")
    found = (rule for rule in (await identity.now()).access_rules.values() if rule.user_id == user_id)
    path = f"/v3/users/{user_id}/access_rules"
    shown = (views.access_rule(request, rule) for rule in found)
    return views.collection(request, "access_rules", shown, path, ("service", "path", "method"))


async def show(request: Request, identity: Identity) -> object:
    """One access rule."""
    user_id = _authorize(request, "get_access_rule")
    return {"access_rule": views.access_rule(request, await _found(request, identity, user_id))}


async def delete(request: Request, identity: Identity) -> None:
    """Forget one that no credential uses."""
    user_id = _authorize(request, "delete_access_rule")
    await access_rules.delete(identity, await _found(request, identity, user_id))
