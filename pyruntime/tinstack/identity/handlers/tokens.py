"""Tokens, what a token may see, and launch tokens. Source: Identity API v3 reference, "Authentication and token management"."""

import msgspec

from tinstack.core.context import LaunchClaims
from tinstack.core.errors import NotFound, Unauthorized
from tinstack.core.http import Request, Response
from tinstack.identity import views
from tinstack.identity.catalog import catalog_for
from tinstack.identity.errors import ActionForbidden, TokenMissing
from tinstack.identity.handlers.oauth1 import signed
from tinstack.identity.identity import Identity
from tinstack.identity.rows import Project
from tinstack.identity.snapshot import Scope
from tinstack.identity.tokens import Valid, body_of

SUBJECT = "X-Subject-Token"
VARY = {"Vary": "X-Auth-Token"}


async def create(request: Request, identity: Identity) -> Response:
    """Sign in (steps 1 and 2)."""
    valid = await identity.authentication.authenticate(request.body["auth"], signed(request))
    snapshot = None if "nocatalog" in request.query else await identity.now()
    return Response(201, {"token": body_of(valid, snapshot)}, headers={SUBJECT: valid.text, **VARY})


async def create_launch(request: Request, identity: Identity) -> Response:
    """A short-lived token for a host, which allows what its claims say and nothing else; for our services only."""
    wanted = dict(request.body["launch_token"])
    project_id, seconds = wanted.pop("project_id"), wanted.pop("seconds", identity.config.launch_token_seconds)
    if not (await identity.now()).usable(Scope("project", project_id)):
        raise ActionForbidden(why="the project is not there or not enabled")
    claims = msgspec.convert(wanted, LaunchClaims)
    valid = await identity.tokens.issue_launch(request.user_id, project_id, claims, seconds)
    return Response(201, {"token": body_of(valid, None)}, headers={SUBJECT: valid.text, **VARY})


async def revoke_launches(request: Request, identity: Identity) -> None:
    """Void the launch tokens of what is over; for our services only."""
    await identity.tokens.revoke_launches(request.body["launches"])


async def _subject(request: Request, identity: Identity, rule: str) -> tuple[Valid, bytes]:
    text = request.header(SUBJECT) or ""
    try:
        if request.query.boolean("allow_expired", False):
            valid = await identity.tokens.validate_ended(text, identity.config.allow_expired_seconds)
            body = msgspec.json.encode({"token": body_of(valid, None)})
        else:
            valid, body = identity.tokens.validated_body(text)
    except Unauthorized as error:
        raise TokenMissing from error
    request.authorize(rule, {"token": {"user_id": valid.user.id}})
    return valid, body


async def show(request: Request, identity: Identity) -> Response:
    """Validate (step 4)."""
    valid, body = await _subject(request, identity, "identity:validate_token")
    if "nocatalog" not in request.query:
        body = msgspec.json.encode({"token": body_of(valid, await identity.now())})
    return Response(200, body, headers={SUBJECT: valid.text, **VARY})


async def check(request: Request, identity: Identity) -> Response:
    """Validate without a body."""
    valid, _ = await _subject(request, identity, "identity:check_token")
    return Response(200, headers={SUBJECT: valid.text, **VARY})


async def delete(request: Request, identity: Identity) -> None:
    """Revoke."""
    valid, _ = await _subject(request, identity, "identity:revoke_token")
    await identity.tokens.revoke(valid.text)


async def projects(request: Request, identity: Identity) -> object:
    """The projects that the caller can have a token for."""
    snapshot = await identity.now()
    found: list[Project] = snapshot.projects_of(request.user_id)
    return views.collection(request, "projects", [views.project(request, one) for one in found], "/v3/auth/projects")


async def domains(request: Request, identity: Identity) -> object:
    """The domains that the caller can have a token for."""
    snapshot = await identity.now()
    found = snapshot.domains_of(request.user_id)
    return views.collection(request, "domains", [views.domain(request, one) for one in found], "/v3/auth/domains")


async def system(request: Request, identity: Identity) -> object:
    """Whether the caller can have a token for the system."""
    snapshot = await identity.now()
    found = [{"all": True}] if snapshot.roles_on(request.user_id, Scope("system", "all")) else []
    return {"system": found, "links": views.list_links(request, "/v3/auth/system")}


async def catalog(request: Request, identity: Identity) -> object:
    """The catalog as in the caller's token."""
    if request.context.project_id is None and request.context.domain_id is None and not request.context.system:
        raise NotFound("The token has no scope, so there is no catalog for it.")
    shown = catalog_for(await identity.now(), request.context.project_id)
    return {"catalog": shown, "links": views.list_links(request, "/v3/auth/catalog")}
