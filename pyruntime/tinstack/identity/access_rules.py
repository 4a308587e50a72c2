"""The rules of access rules: which requests an application credential may make. Kept per user, used by credentials."""

from typing import Any
from uuid import uuid4

from tinstack.identity import rows
from tinstack.identity.errors import ActionForbidden, Invalid, Missing
from tinstack.identity.identity import Identity
from tinstack.identity.snapshot import Snapshot
from tinstack.identity.store import Writer

PARTS = ("service", "path", "method")


def wanted(snapshot: Snapshot, user_id: str, given: list[dict[str, str]]) -> list[rows.AccessRule]:
    """The rules that a credential is made with: those there are, by id or by what they say, or new ones.

    Raises Missing for an id that is not the user's, Invalid for a rule that is not whole.
    """
    found: list[rows.AccessRule] = []
    for one in given:
        if id := one.get("id"):
            rule = snapshot.access_rules.get(id)
            if rule is None or rule.user_id != user_id:
                raise Missing(kind="access rule", id=id)
        else:
            if any(not one.get(part) for part in PARTS):
                raise Invalid("An access rule has a service, a path and a method, or the id of one that is there.")
            fields: dict[str, Any] = {"user_id": user_id, **{part: one[part] for part in PARTS}}
            rule = next((rule for rule in (*snapshot.access_rules.values(), *found) if _same(rule, fields)), None)
            rule = rule or rows.AccessRule(id=uuid4().hex, **fields)
        if rule not in found:
            found.append(rule)
    return found


def _same(rule: rows.AccessRule, fields: dict[str, Any]) -> bool:
    return all(getattr(rule, name) == value for name, value in fields.items())


async def delete(identity: Identity, rule: rows.AccessRule) -> None:
    """Raises ActionForbidden while a credential uses it, Missing."""

    async def work(writer: Writer) -> None:
        for credential in await writer.all(rows.ApplicationCredential, user_id=rule.user_id):
            if rule.id in (credential.access_rules or ()):
                raise ActionForbidden(why="an application credential uses the access rule")
        if not await writer.delete(rows.AccessRule, id=rule.id):
            raise Missing(kind="access rule", id=rule.id)

    await identity.store.write(work)
