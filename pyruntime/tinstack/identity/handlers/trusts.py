"""Trusts. Source: Identity API v3 extension OS-TRUST."""

from tinstack.core.http import Request
from tinstack.identity import trusts, views
from tinstack.identity.errors import ActionForbidden, Missing
from tinstack.identity.handlers.common import required, token_of
from tinstack.identity.identity import Identity
from tinstack.identity.rows import Role, Trust
from tinstack.identity.snapshot import trust_usable

PATH = "/v3/OS-TRUST/trusts"


async def _refuse_application_credentials(request: Request, identity: Identity) -> None:
    if (await token_of(request, identity)).application_credential_id:
        raise ActionForbidden(why="an application credential can't see or make trusts")


async def _found(request: Request, identity: Identity, rule: str) -> Trust:
    """The trust of the path for who may; here 404 comes before 403."""
    id = request.path["trust_id"]
    trust = (await identity.now()).trusts.get(id)
    if trust is None or not trust_usable(trust):
        raise Missing(kind="trust", id=id)
    who = {"trustor_user_id": trust.trustor_user_id, "trustee_user_id": trust.trustee_user_id}
    request.authorize(rule, {"trust": who})
    await _refuse_application_credentials(request, identity)
    return trust


async def _roles(identity: Identity, trust: Trust) -> list[Role]:
    roles = (await identity.now()).roles
    return [roles[one] for one in trust.roles if one in roles]


async def index(request: Request, identity: Identity) -> object:
    """All trusts, or those of one trustor or trustee."""
    rule, target, wanted = "identity:list_trusts", {}, {}
    for name, suffix in (("trustee_user_id", "_for_trustee"), ("trustor_user_id", "_for_trustor")):
        if user_id := request.query.get(name):
            wanted[name] = user_id
            rule, target = f"identity:list_trusts{suffix}", {"trust": {name: user_id}}
    request.authorize(rule, target)
    await _refuse_application_credentials(request, identity)
    found = (
        trust
        for trust in (await identity.now()).trusts.values()
        if all(getattr(trust, name) == value for name, value in wanted.items())
    )
    return views.collection(request, "trusts", (views.trust(request, one) for one in found), PATH)


async def create(request: Request, identity: Identity) -> object:
    """A new trust of the caller."""
    given = request.body["trust"]
    request.authorize("identity:create_trust", {"trust": {"trustor_user_id": given["trustor_user_id"]}})
    await _refuse_application_credentials(request, identity)
    if given["trustor_user_id"] != request.user_id:
        raise ActionForbidden(why="the trustor is whoever asks")
    token = await token_of(request, identity)
    if token.delegated and not token.trust_id:
        raise ActionForbidden(why="only a trust can be redelegated")
    trust = await trusts.create(identity, given, token.trust_id)
    return {"trust": views.trust(request, trust, await _roles(identity, trust))}


async def show(request: Request, identity: Identity) -> object:
    """One trust."""
    trust = await _found(request, identity, "identity:get_trust")
    return {"trust": views.trust(request, trust, await _roles(identity, trust))}


async def delete(request: Request, identity: Identity) -> None:
    """End a trust."""
    await trusts.delete(identity, await _found(request, identity, "identity:delete_trust"))


async def roles(request: Request, identity: Identity) -> object:
    """The roles that it gives."""
    trust = await _found(request, identity, "identity:list_roles_for_trust")
    shown = [views.role(request, role) for role in await _roles(identity, trust)]
    return {"roles": shown, "links": views.list_links(request, f"{PATH}/{trust.id}/roles")}


async def role(request: Request, identity: Identity) -> object:
    """One of them."""
    trust = await _found(request, identity, "identity:get_role_for_trust")
    id = request.path["role_id"]
    found = {role.id: role for role in await _roles(identity, trust)}
    return {"role": views.role(request, required(found.get(id), "role", id))}
