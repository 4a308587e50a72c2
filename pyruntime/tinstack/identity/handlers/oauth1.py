"""Consumers, and the tokens by which they are let in. Source: Identity API v3 extension OS-OAUTH1."""

from uuid import uuid4

from tinstack.core.clock import iso_us_z
from tinstack.core.errors import Forbidden, Unauthorized
from tinstack.core.http import Request, Response
from tinstack.identity import oauth1, views
from tinstack.identity.errors import Invalid, Missing
from tinstack.identity.handlers.common import required, token_of
from tinstack.identity.handlers.nouns import Noun
from tinstack.identity.identity import Identity
from tinstack.identity.oauth1 import Signed
from tinstack.identity.rows import AccessToken, Consumer, RequestToken
from tinstack.identity.snapshot import Scope
from tinstack.identity.store import Writer

PATH = "OS-OAUTH1"
FORM = "application/x-www-form-urlencoded"


def _view(request: Request, row: Consumer) -> views.Body:
    shown = views.plain(request, row, f"{PATH}/consumers")
    del shown["sealed"]
    return shown


consumers = Noun(Consumer, "consumer", f"{PATH}/consumers", "consumer_id", view=_view)


def _extra(given: views.Body) -> views.Body:
    return {name: value for name, value in given.items() if name not in ("id", "description", "secret", "links")}


async def create(request: Request, identity: Identity) -> object:
    """A new consumer; its secret is shown this once."""
    given, secret = request.body["consumer"], oauth1.new_secret()
    row = Consumer(
        id=uuid4().hex,
        description=given.get("description"),
        sealed=identity.sealer.seal(secret),
        extra=_extra(given),
    )
    shown = await consumers.add(request, identity, row)
    shown["consumer"]["secret"] = secret
    return shown


async def update(request: Request, identity: Identity) -> object:
    """Change the description; never the secret."""
    row, given = await consumers.found(request, identity), request.body["consumer"]
    if "secret" in given:
        raise Invalid("The secret of a consumer can't be changed.")
    changes = {"description": given["description"]} if "description" in given else {}
    return await consumers.change(request, identity, row, **changes, extra={**row.extra, **_extra(given)})


async def delete(request: Request, identity: Identity) -> None:
    """Forget a consumer: its tokens end, in every service."""
    id = (await consumers.found(request, identity)).id
    users = {token.user_id for token in (await identity.now()).access_tokens.values() if token.consumer_id == id}

    async def work(writer: Writer) -> None:
        await writer.delete(RequestToken, consumer_id=id)
        await writer.delete(AccessToken, consumer_id=id)
        await writer.delete(Consumer, id=id)

    await identity.store.write(work)
    await identity.revoker.tell(user_ids=users)


# --- from request to access -----------------------------------------------------------------------


def signed(request: Request) -> Signed:
    """The request as it was signed."""
    url = f"{request.root_url}{request.asgi.path}"
    return Signed(request.asgi.method, url, request.query.pairs, request.header("Authorization") or "")


def _answer(token: RequestToken | AccessToken, secret: str) -> Response:
    said = {"oauth_token": token.id, "oauth_token_secret": secret, "oauth_expires_at": iso_us_z(token.expires_at)}
    return Response(201, oauth1.form(said), content_type=FORM)


async def request_token(request: Request, identity: Identity) -> Response:
    """A consumer asks to be let in to a project."""
    project_id = request.header("Requested-Project-Id")
    if not project_id:
        raise Invalid("The header Requested-Project-Id is missing.")
    asked = signed(request)
    asked.parameter("oauth_consumer_key")
    required((await identity.now()).projects.get(project_id), "project", project_id)
    return _answer(*await identity.oauth1.request(asked, project_id))


async def authorize(request: Request, identity: Identity) -> object:
    """A user lets it have some of the user's roles."""
    if (await token_of(request, identity)).delegated:
        raise Forbidden("A delegated token can't delegate.")
    token, snapshot = await identity.oauth1.pending(request.path["request_token_id"]), await identity.now()
    held = {role.id: role for role in snapshot.roles_on(request.user_id, Scope("project", token.project_id))}
    wanted = []
    for one in request.body["roles"]:
        found = [id for id, role in held.items() if id == one.get("id") or role.name == one.get("name")]
        if not found:
            raise Unauthorized("You don't have that role on the project.")
        wanted.append(found[0])
    verifier = await identity.oauth1.authorize(token, request.user_id, wanted)
    return {"token": {"oauth_verifier": verifier}}


async def access_token(request: Request, identity: Identity) -> Response:
    """The consumer trades what was granted for an access token."""
    return _answer(*await identity.oauth1.access(signed(request)))


# --- access tokens of a user ----------------------------------------------------------------------


def _token_view(request: Request, row: AccessToken) -> views.Body:
    own = f"{request.root_url}/v3/users/{row.user_id}/{PATH}/access_tokens/{row.id}"
    return {
        "id": row.id,
        "consumer_id": row.consumer_id,
        "authorizing_user_id": row.user_id,
        "project_id": row.project_id,
        "expires_at": iso_us_z(row.expires_at) if row.expires_at else None,
        "links": {"self": own, "roles": f"{own}/roles"},
    }


async def _undelegated(request: Request, identity: Identity) -> None:
    if (await token_of(request, identity)).delegated:
        raise Forbidden("A delegated token can't see or end delegations.")


async def _token(request: Request, identity: Identity) -> AccessToken:
    await _undelegated(request, identity)
    id = request.path["access_token_id"]
    token = (await identity.now()).access_tokens.get(id)
    if token is None or token.user_id != request.path["user_id"]:
        raise Missing(kind="access token", id=id)
    return token


async def access_tokens(request: Request, identity: Identity) -> object:
    """The access that a user has granted."""
    await _undelegated(request, identity)
    user_id = request.path["user_id"]
    found = (token for token in (await identity.now()).access_tokens.values() if token.user_id == user_id)
    path = f"/v3/users/{user_id}/{PATH}/access_tokens"
    return views.collection(request, "access_tokens", (_token_view(request, one) for one in found), path)


async def show_access_token(request: Request, identity: Identity) -> object:
    """One of them."""
    return {"access_token": _token_view(request, await _token(request, identity))}


async def delete_access_token(request: Request, identity: Identity) -> None:
    """Take it back: its tokens end, in every service."""
    token = await _token(request, identity)
    if not await identity.store.write(lambda writer: writer.delete(AccessToken, id=token.id)):
        raise Missing(kind="access token", id=token.id)
    await identity.revoker.tell(user_ids=[token.user_id])


async def roles(request: Request, identity: Identity) -> object:
    """The roles that it gives."""
    token, snapshot = await _token(request, identity), await identity.now()
    shown = [views.role(request, snapshot.roles[id]) for id in token.roles if id in snapshot.roles]
    path = f"/v3/users/{token.user_id}/{PATH}/access_tokens/{token.id}/roles"
    return views.collection(request, "roles", shown, path)


async def role(request: Request, identity: Identity) -> object:
    """One of them."""
    token, snapshot, id = await _token(request, identity), await identity.now(), request.path["role_id"]
    found = snapshot.roles.get(id) if id in token.roles else None
    return {"role": views.role(request, required(found, "role", id))}
