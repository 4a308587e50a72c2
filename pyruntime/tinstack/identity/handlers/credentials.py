"""Credentials and EC2 credentials. Source: Identity API v3 reference, "Credentials", and its extension OS-EC2."""

from typing import Any

from tinstack.core.errors import Forbidden
from tinstack.core.http import Request
from tinstack.identity import credentials, views
from tinstack.identity.errors import Missing
from tinstack.identity.fernet import Token
from tinstack.identity.handlers.common import refuse_restricted, required, token_of
from tinstack.identity.identity import Identity
from tinstack.identity.rows import Credential


def _target(credential: Credential | None) -> dict[str, Any]:
    return {"credential": {"user_id": credential.user_id, "project_id": credential.project_id} if credential else {}}


def _view(request: Request, identity: Identity, row: Credential, blob: str | None = None) -> views.Body:
    return views.credential(request, row, identity.sealer.open(row.sealed) if blob is None else blob)


async def _found(request: Request, identity: Identity, verb: str) -> Credential:
    """The credential of the path for who may; 403 comes before 404."""
    id = request.path["credential_id"]
    row = await identity.store.one(Credential, id=id)
    request.authorize(f"identity:{verb}_credential", _target(row))
    found: Credential = required(row, "credential", id)
    credentials.confine(await token_of(request, identity), found.project_id)
    return found


async def index(request: Request, identity: Identity) -> object:
    """The credentials that the caller may see."""
    context = request.context
    request.authorize("identity:list_credentials", {"credential": {"user_id": context.user_id}})
    wanted = {name: value for name in ("user_id", "type") if (value := request.query.get(name)) is not None}
    token = await token_of(request, identity)
    found = [
        row
        for row in await identity.store.find(Credential, **wanted)
        if request.may("identity:get_credential", _target(row)) and _within(token, row)
    ]
    shown = (_view(request, identity, row) for row in found)
    return views.collection(request, "credentials", shown, "/v3/credentials", ("user_id", "type"))


def _within(token: Token, row: Credential) -> bool:
    try:
        credentials.confine(token, row.project_id)
    except Forbidden:
        return False
    return True


async def create(request: Request, identity: Identity) -> object:
    """Keep a new one."""
    given = request.body["credential"]
    request.authorize("identity:create_credential", {"credential": given})
    snapshot, token = await identity.now(), await token_of(request, identity)
    if given["type"].lower() == credentials.EC2:
        await refuse_restricted(request, identity)
    required(snapshot.users.get(given["user_id"]), "user", given["user_id"])
    row, blob = await credentials.create(identity, token, given)
    return {"credential": _view(request, identity, row, blob)}


async def show(request: Request, identity: Identity) -> object:
    """One."""
    return {"credential": _view(request, identity, await _found(request, identity, "get"))}


async def update(request: Request, identity: Identity) -> object:
    """Change its blob."""
    row, blob = await credentials.update(
        identity, await _found(request, identity, "update"), request.body["credential"]
    )
    return {"credential": _view(request, identity, row, blob)}


async def delete(request: Request, identity: Identity) -> None:
    """Forget it."""
    await credentials.delete(identity, await _found(request, identity, "delete"))


# --- OS-EC2 ---------------------------------------------------------------------------------------


def _ec2_view(request: Request, identity: Identity, row: Credential) -> views.Body:
    return views.ec2_credential(request, row, credentials.ec2_keys(identity, row))


async def _user(request: Request, identity: Identity) -> str:
    user_id = request.path["user_id"]
    required((await identity.now()).users.get(user_id), "user", user_id)
    return user_id


async def _ec2_found(request: Request, identity: Identity, verb: str) -> Credential:
    """The pair of keys in the path, whoever's they are; here 404 comes before 403."""
    access = request.path["access"]
    row = await identity.store.one(Credential, id=credentials.id_of(access), type=credentials.EC2)
    if row is None:
        raise Missing(kind="credential", id=access)
    request.authorize(f"identity:ec2_{verb}_credential", _target(row))
    credentials.confine(await token_of(request, identity), row.project_id)
    return row


async def ec2_index(request: Request, identity: Identity) -> object:
    """The pairs of keys of a user."""
    request.authorize("identity:ec2_list_credentials", {"user_id": request.path["user_id"]})
    user_id, token = await _user(request, identity), await token_of(request, identity)
    found = await identity.store.find(Credential, user_id=user_id, type=credentials.EC2)
    shown = (_ec2_view(request, identity, row) for row in found if _within(token, row))
    return views.collection(request, "credentials", shown, f"/v3/users/{user_id}/credentials/OS-EC2")


async def ec2_create(request: Request, identity: Identity) -> object:
    """A new pair of keys on a project."""
    request.authorize("identity:ec2_create_credential", {"credential": {"user_id": request.path["user_id"]}})
    await refuse_restricted(request, identity)
    user_id, project_id = await _user(request, identity), request.body["tenant_id"]
    required((await identity.now()).projects.get(project_id), "project", project_id)
    row = await credentials.create_ec2(identity, await token_of(request, identity), user_id, project_id)
    return {"credential": _ec2_view(request, identity, row)}


async def ec2_show(request: Request, identity: Identity) -> object:
    """One pair."""
    return {"credential": _ec2_view(request, identity, await _ec2_found(request, identity, "get"))}


async def ec2_delete(request: Request, identity: Identity) -> None:
    """Forget one pair."""
    await credentials.delete(identity, await _ec2_found(request, identity, "delete"))
