"""What several nouns' handlers ask in the same way."""

from typing import Any

from tinstack.core.http import Request
from tinstack.identity.errors import ActionForbidden, Missing
from tinstack.identity.fernet import Token
from tinstack.identity.identity import Identity
from tinstack.identity.rows import DEFAULT_DOMAIN, Row


def target_of(row: Row | None) -> dict[str, Any]:
    """What rules may name of a resource; nothing of one that is not there."""
    if row is None:
        return {}
    return {name: getattr(row, name) for name in ("id", "name", "domain_id") if hasattr(row, name)}


def role_target(row: Row | None) -> dict[str, Any]:
    """The same of a role: the domain of a global one is the text ``None``."""
    target = target_of(row)
    return target | {"domain_id": target["domain_id"] or "None"} if target else target


def own_domain(request: Request) -> str:
    """The domain of what is made without naming one: the token's, else the default one."""
    context = request.context
    return context.domain_id or context.project_domain_id or DEFAULT_DOMAIN


def list_domain(request: Request) -> str | None:
    """The domain to which a list is confined: a domain token's own, else the one asked for."""
    return request.context.domain_id or request.query.get("domain_id")


async def token_of(request: Request, identity: Identity) -> Token:
    """What the caller's token says."""
    return (await identity.tokens.validate(request.context.token)).token


async def refuse_restricted(request: Request, identity: Identity) -> None:
    """An application credential that is not ``unrestricted`` can't make or delete others. Raises ActionForbidden."""
    token = await token_of(request, identity)
    credential = (await identity.now()).application_credentials.get(token.application_credential_id or "")
    if credential and not credential.unrestricted:
        raise ActionForbidden(why="the application credential is restricted")


def required(row: Any, kind: str, identifier: str) -> Any:
    """The row. Raises Missing."""
    if row is None:
        raise Missing(kind=kind, id=identifier)
    return row
