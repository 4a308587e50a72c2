"""The rules of users and their passwords."""

from typing import Any
from uuid import uuid4

import msgspec

from tinstack.core.clock import now_us
from tinstack.core.db import Duplicate
from tinstack.identity import rows
from tinstack.identity.authentication import equal_refusals
from tinstack.identity.errors import Invalid, Missing, NameTaken, SignInRefused
from tinstack.identity.identity import Identity
from tinstack.identity.store import Writer

KNOWN = {
    "id",
    "name",
    "domain_id",
    "enabled",
    "default_project_id",
    "password",
    "original_password",
    "password_expires_at",
    "machine",
    "links",
}


class PasswordUsedBefore(Invalid):
    """400: the history of passwords holds it."""

    code = "identity.password_history"
    message = "The password does not meet the requirements: it is one of your last {count}, choose another."


async def create(identity: Identity, domain_id: str, given: dict[str, Any]) -> rows.User:
    """A new user. Raises Missing for the domain, NameTaken."""
    user = rows.User(
        id=uuid4().hex,
        name=given["name"],
        domain_id=domain_id,
        enabled=given.get("enabled", True),
        default_project_id=given.get("default_project_id"),
        extra=_extra(given),
    )
    password = given.get("password")
    kept = await identity.hashing.hash(password) if password is not None else None

    async def work(writer: Writer) -> None:
        if not await writer.there(rows.Project, id=domain_id, is_domain=1):
            raise Missing(kind="domain", id=domain_id)
        await writer.insert(user)
        if kept:
            await writer.add_password(uuid4().hex, user.id, kept, now_us())

    try:
        await identity.store.write(work)
    except Duplicate as error:
        raise NameTaken(kind="user", name=user.name) from error
    return user


async def update(identity: Identity, user: rows.User, given: dict[str, Any]) -> rows.User:
    """Change a user; a new password or ``enabled: false`` voids all of its tokens. Raises Missing, NameTaken, Invalid."""
    if given.get("domain_id", user.domain_id) != user.domain_id:
        raise Invalid("A user can't be moved to another domain.")
    changed = msgspec.structs.replace(
        user,
        name=given.get("name", user.name),
        enabled=given.get("enabled", user.enabled),
        default_project_id=given.get("default_project_id", user.default_project_id),
        extra={**user.extra, **_extra(given)},
    )
    password = given.get("password")
    kept = await identity.hashing.hash(password) if password is not None else None

    async def work(writer: Writer) -> None:
        if not await writer.replace(changed):
            raise Missing(kind="user", id=user.id)
        if kept:
            await writer.add_password(uuid4().hex, user.id, kept, now_us())
        if kept or not changed.enabled:
            await identity.revoker.keep(writer, "user", [user.id])

    try:
        await identity.store.write(work)
    except Duplicate as error:
        raise NameTaken(kind="user", name=changed.name) from error
    await identity.revoker.tell(user_ids=[user.id])
    return changed


async def delete(identity: Identity, user_id: str) -> None:
    """A user with all that is its own."""
    await identity.store.write(lambda writer: remove(writer, [user_id]))
    await identity.revoker.tell(user_ids=[user_id])


async def remove(writer: Writer, user_ids: list[str]) -> None:
    """Within a transaction: users with all that is theirs."""
    if not user_ids:
        return
    await writer.forget_passwords(user_ids)
    await writer.delete(rows.Member, user_id=user_ids)
    await writer.delete(rows.Grant, actor="user", actor_id=user_ids)
    await writer.delete(rows.ApplicationCredential, user_id=user_ids)
    await writer.delete(rows.AccessRule, user_id=user_ids)
    await writer.delete(rows.AccessToken, user_id=user_ids)
    await writer.delete(rows.Credential, user_id=user_ids)
    await writer.delete(rows.Trust, trustor_user_id=user_ids)
    await writer.delete(rows.Trust, trustee_user_id=user_ids)
    await writer.delete(rows.User, id=user_ids)


async def change_password(identity: Identity, user_id: str, original: str, wanted: str) -> None:
    """By the user itself, who shows the present one. Raises SignInRefused, PasswordUsedBefore."""
    snapshot = await identity.now()
    user = snapshot.users.get(user_id)
    async with equal_refusals():
        await identity.authentication.check_password(user, original)
        if not snapshot.user_usable(user):
            raise SignInRefused
    count = identity.config.unique_last_passwords
    if count and await identity.hashing.any(await identity.store.last_passwords(user_id, count), wanted):
        raise PasswordUsedBefore(count=count)
    kept = await identity.hashing.hash(wanted)

    async def work(writer: Writer) -> None:
        await writer.add_password(uuid4().hex, user_id, kept, now_us())
        await identity.revoker.keep(writer, "user", [user_id])

    await identity.store.write(work)
    await identity.revoker.tell(user_ids=[user_id])


def _extra(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in KNOWN}
