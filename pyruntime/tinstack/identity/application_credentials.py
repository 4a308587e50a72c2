"""The rules of application credentials: a secret for some of a user's roles on one project."""

import secrets
from typing import Any
from uuid import uuid4

from tinstack.core.clock import now_us, parse_iso
from tinstack.core.context import Context
from tinstack.core.db import Duplicate
from tinstack.core.errors import Conflict
from tinstack.identity import access_rules, rows
from tinstack.identity.errors import ActionForbidden, Invalid, Missing
from tinstack.identity.identity import Identity
from tinstack.identity.passwords import hash_secret
from tinstack.identity.snapshot import Scope
from tinstack.identity.store import Writer


class CredentialExists(Conflict):
    """409: the user has an application credential of that name."""

    code, message = (
        "identity.application_credential.exists",
        "You have an application credential named '{name}' already.",
    )


async def create(identity: Identity, context: Context, given: dict[str, Any]) -> tuple[rows.ApplicationCredential, str]:
    """For the caller, on the project of its token; the secret is given back once.

    A secret of the caller's own choice is hashed as a person's password is.
    """
    if context.project_id is None:
        raise ActionForbidden(why="an application credential needs a token for a project")
    chosen = given.get("secret")
    secret = chosen or secrets.token_urlsafe(64)
    kept = await identity.hashing.hash(secret) if chosen else hash_secret(secret)
    wanted = given.get("access_rules")
    rules = None if wanted is None else access_rules.wanted(await identity.now(), context.user_id, wanted)
    credential = rows.ApplicationCredential(
        id=uuid4().hex,
        user_id=context.user_id,
        project_id=context.project_id,
        name=given["name"],
        description=given.get("description") or "",
        secret_hash=kept,
        expires_at=_end(given.get("expires_at")),
        unrestricted=bool(given.get("unrestricted", False)),
        roles=await _roles(identity, context, given.get("roles")),
        access_rules=None if rules is None else [rule.id for rule in rules],
    )

    async def work(writer: Writer) -> None:
        for rule in rules or ():
            if not await writer.there(rows.AccessRule, id=rule.id):
                await writer.insert(rule)
        await writer.insert(credential)

    try:
        await identity.store.write(work)
    except Duplicate as error:
        raise CredentialExists(name=credential.name) from error
    return credential, secret


def _end(text: str | None) -> int:
    if text is None:
        return 0
    try:
        end = parse_iso(text)
    except ValueError as error:
        raise Invalid("expires_at is no ISO 8601 time.") from error
    if end <= now_us():
        raise Invalid("expires_at lies in the past.")
    return end


async def _roles(identity: Identity, context: Context, wanted: list[dict[str, str]] | None) -> list[str]:
    """Roles that the user really has there; all of them where none are named. Raises Invalid."""
    snapshot = await identity.now()
    has = {role.id: role for role in snapshot.roles_on(context.user_id, Scope("project", context.project_id or ""))}
    if not wanted:
        return [one for one, role in has.items() if role.name.lower() in context.roles]
    found = []
    for one in wanted:
        match = [role.id for role in has.values() if role.id == one.get("id") or role.name == one.get("name")]
        if not match:
            raise Invalid("An application credential can only have roles that its user has on the project.")
        found.append(match[0])
    return found


async def delete(identity: Identity, credential: rows.ApplicationCredential) -> None:
    """Its tokens end with it, in every service."""

    async def work(writer: Writer) -> None:
        if not await writer.delete(rows.ApplicationCredential, id=credential.id):
            raise Missing(kind="application credential", id=credential.id)

    await identity.store.write(work)
    await identity.revoker.tell(user_ids=[credential.user_id])
