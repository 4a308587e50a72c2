"""Policy documents: kept for services that fetch their rules here. Source: Identity API v3 reference, "Policies".

No token depends on them, so they are read from the database, not held in memory.
"""

from typing import Any
from uuid import uuid4

import msgspec

from tinstack.core.http import Request
from tinstack.identity import views
from tinstack.identity.errors import Missing
from tinstack.identity.handlers.common import required
from tinstack.identity.identity import Identity
from tinstack.identity.rows import Policy, PolicyAssociation
from tinstack.identity.store import Writer

FIELDS = {"id", "type", "blob", "links"}


def _extra(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in FIELDS}


async def _found(request: Request, identity: Identity) -> Policy:
    id = request.path["policy_id"]
    found: Policy = required(await identity.store.one(Policy, id=id), "policy", id)
    return found


async def index(request: Request, identity: Identity) -> object:
    """All of them, or those of one ``type``."""
    found = await identity.store.find(Policy)
    return views.collection(
        request, "policies", (views.policy(request, one) for one in found), "/v3/policies", ("type",)
    )


async def create(request: Request, identity: Identity) -> object:
    """Keep a new one."""
    given = request.body["policy"]
    made = Policy(id=uuid4().hex, type=given["type"], blob=given["blob"], extra=_extra(given))
    await identity.store.write(lambda writer: writer.insert(made))
    return {"policy": views.policy(request, made)}


async def show(request: Request, identity: Identity) -> object:
    """One."""
    return {"policy": views.policy(request, await _found(request, identity))}


async def update(request: Request, identity: Identity) -> object:
    """Change it. Raises Missing."""
    before, given = await _found(request, identity), request.body["policy"]
    changed = msgspec.structs.replace(
        before,
        type=given.get("type", before.type),
        blob=given.get("blob", before.blob),
        extra={**before.extra, **_extra(given)},
    )
    if not await identity.store.write(lambda writer: writer.replace(changed)):
        raise Missing(kind="policy", id=changed.id)
    return {"policy": views.policy(request, changed)}


async def delete(request: Request, identity: Identity) -> None:
    """Forget it."""
    id = (await _found(request, identity)).id

    async def work(writer: Writer) -> None:
        await writer.delete(PolicyAssociation, policy_id=id)
        await writer.delete(Policy, id=id)

    await identity.store.write(work)
