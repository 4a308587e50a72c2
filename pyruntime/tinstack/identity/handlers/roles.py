"""Roles and implied roles. Source: Identity API v3 reference, "Roles"."""

from tinstack.core.http import Request, Response
from tinstack.identity import roles, views
from tinstack.identity.errors import Missing
from tinstack.identity.handlers.common import required, role_target
from tinstack.identity.identity import Identity
from tinstack.identity.rows import Role
from tinstack.identity.snapshot import Snapshot


async def _found(request: Request, identity: Identity, verb: str) -> Role:
    role_id = request.path["role_id"]
    role: Role = required((await identity.now()).roles.get(role_id), "role", role_id)  # here 404 comes before 403
    noun = "domain_role" if role.domain_id else "role"
    request.authorize(f"identity:{verb}_{noun}", {"role": role_target(role)})
    return role


async def index(request: Request, identity: Identity) -> object:
    """Global roles, or those of ``domain_id``."""
    domain_id = request.query.get("domain_id")
    rule = "identity:list_domain_roles" if domain_id else "identity:list_roles"
    request.authorize(rule, {"domain_id": request.context.domain_id})
    found = (role for role in (await identity.now()).roles.values() if role.domain_id == (domain_id or ""))
    return views.collection(request, "roles", (views.role(request, role) for role in found), "/v3/roles", ("name",))


async def create(request: Request, identity: Identity) -> object:
    """A new role."""
    given = request.body["role"]
    request.authorize("identity:create_domain_role" if given.get("domain_id") else "identity:create_role", {})
    return {"role": views.role(request, await roles.create(identity, given))}


async def show(request: Request, identity: Identity) -> object:
    """One role."""
    return {"role": views.role(request, await _found(request, identity, "get"))}


async def update(request: Request, identity: Identity) -> object:
    """Change a role."""
    role = await _found(request, identity, "update")
    return {"role": views.role(request, await roles.update(identity, role, request.body["role"]))}


async def delete(request: Request, identity: Identity) -> None:
    """Delete a role."""
    await roles.delete(identity, await _found(request, identity, "delete"))


# --- implied roles --------------------------------------------------------------------------------


def _short(request: Request, role: Role) -> dict[str, object]:
    return {"id": role.id, "name": role.name, "links": {"self": f"{request.root_url}/v3/roles/{role.id}"}}


async def _pair(request: Request, identity: Identity) -> tuple[Snapshot, Role, Role]:
    snapshot = await identity.now()
    found = []
    for name in ("role_id", "implied_id"):
        role = snapshot.roles.get(request.path[name])
        if role is None:
            raise Missing(kind="role", id=request.path[name])
        found.append(role)
    return snapshot, found[0], found[1]


def _inference(request: Request, prior: Role, implied: Role) -> dict[str, object]:
    return {
        "role_inference": {"prior_role": _short(request, prior), "implies": _short(request, implied)},
        "links": {"self": f"{request.root_url}/v3/roles/{prior.id}/implies/{implied.id}"},
    }


async def implied_by(request: Request, identity: Identity) -> object:
    """What a role implies directly."""
    snapshot = await identity.now()
    role = snapshot.roles.get(request.path["role_id"])
    if role is None:
        raise Missing(kind="role", id=request.path["role_id"])
    return {
        "role_inference": {
            "prior_role": _short(request, role),
            "implies": [_short(request, snapshot.roles[one]) for one in snapshot.implied.get(role.id, ())],
        },
        "links": {"self": f"{request.root_url}/v3/roles/{role.id}/implies"},
    }


async def imply(request: Request, identity: Identity) -> object:
    """Let one role imply another."""
    _, prior, implied = await _pair(request, identity)
    await roles.imply(identity, prior, implied)
    return _inference(request, prior, implied)


async def show_implied(request: Request, identity: Identity) -> object:
    """One implication."""
    snapshot, prior, implied = await _pair(request, identity)
    if implied.id not in snapshot.implied.get(prior.id, ()):
        raise Missing(kind="implied role", id=implied.id)
    return _inference(request, prior, implied)


async def check_implied(request: Request, identity: Identity) -> Response:
    """204 when the one implies the other, else 404."""
    await show_implied(request, identity)
    return Response(204)


async def imply_no_more(request: Request, identity: Identity) -> None:
    """Remove an implication."""
    _, prior, implied = await _pair(request, identity)
    await roles.imply_no_more(identity, prior, implied)


async def inferences(request: Request, identity: Identity) -> object:
    """All implications."""
    snapshot = await identity.now()
    found = [
        {
            "prior_role": _short(request, snapshot.roles[prior]),
            "implies": [_short(request, snapshot.roles[one]) for one in implied],
        }
        for prior, implied in snapshot.implied.items()
    ]
    return {"role_inferences": found, "links": {"self": f"{request.root_url}/v3/role_inferences"}}
