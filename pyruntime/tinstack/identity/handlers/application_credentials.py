"""Application credentials. Source: Identity API v3 reference, "Application Credentials"."""

from tinstack.core.http import Request
from tinstack.identity import application_credentials, views
from tinstack.identity.errors import ActionForbidden, Missing
from tinstack.identity.handlers.common import refuse_restricted, token_of
from tinstack.identity.identity import Identity
from tinstack.identity.rows import ApplicationCredential
from tinstack.identity.snapshot import Snapshot


def _authorize(request: Request, verb: str) -> str:
    user_id = request.path["user_id"]
    request.authorize(f"identity:{verb}", {"user_id": user_id, "user": {"id": user_id}})
    return user_id


def _found(request: Request, snapshot: Snapshot, user_id: str, verb: str) -> ApplicationCredential:
    """The credential of the path. Raises Missing; PolicyForbidden for another user's, whatever user the path names."""
    identifier = request.path["credential_id"]
    credential = snapshot.application_credentials.get(identifier)
    if credential and credential.user_id != user_id:
        request.authorize(f"identity:{verb}", {"user_id": credential.user_id, "user": {"id": credential.user_id}})
    if credential is None or credential.user_id != user_id:
        raise Missing(kind="application credential", id=identifier)
    return credential


def _view(
    request: Request, snapshot: Snapshot, credential: ApplicationCredential, secret: str | None = None
) -> views.Body:
    roles = [snapshot.roles[one] for one in credential.roles if one in snapshot.roles]
    shown = views.application_credential(request, credential, roles, secret)
    if credential.access_rules is not None:
        rules = [snapshot.access_rules[one] for one in credential.access_rules if one in snapshot.access_rules]
        shown["access_rules"] = [views.said_by_rule(rule) for rule in rules]
    return shown


async def index(request: Request, identity: Identity) -> object:
    """A user's application credentials."""
    user_id = _authorize(request, "list_application_credentials")
    snapshot = await identity.now()
    found = (one for one in snapshot.application_credentials.values() if one.user_id == user_id)
    path = f"/v3/users/{user_id}/application_credentials"
    shown = (_view(request, snapshot, one) for one in found)
    return views.collection(request, "application_credentials", shown, path, ("name",))


async def create(request: Request, identity: Identity) -> object:
    """A new one for the caller itself."""
    _authorize(request, "create_application_credential")
    given = request.body["application_credential"]
    await refuse_restricted(request, identity)
    token = await token_of(request, identity)
    if token.trust_id or token.access_token_id:
        raise ActionForbidden(why="a delegated token can't make application credentials")
    credential, secret = await application_credentials.create(identity, request.context, given)
    return {"application_credential": _view(request, await identity.now(), credential, secret)}


async def show(request: Request, identity: Identity) -> object:
    """One application credential."""
    user_id = _authorize(request, "get_application_credential")
    snapshot = await identity.now()
    return {
        "application_credential": _view(
            request, snapshot, _found(request, snapshot, user_id, "get_application_credential")
        )
    }


async def delete(request: Request, identity: Identity) -> None:
    """Delete one; its tokens end."""
    user_id = _authorize(request, "delete_application_credential")
    credential = _found(request, await identity.now(), user_id, "delete_application_credential")
    await refuse_restricted(request, identity)
    await application_credentials.delete(identity, credential)
