"""Key pairs. Source: compute API reference, "Keypairs"."""

import asyncio

from tinstack.api import keypairs as domain
from tinstack.api.errors import Invalid, TooMany
from tinstack.api.parts import Compute
from tinstack.api.views import API, Body
from tinstack.api.views import flavors as views
from tinstack.computedb import keypairs as store
from tinstack.computedb import quota_limits
from tinstack.computedb.keypairs import KeyPair
from tinstack.core.clock import now_us
from tinstack.core.errors import Conflict, NotFound
from tinstack.core.http import Request, page_of
from tinstack.core.http.paging import next_link


class KeypairExists(Conflict):
    """409: the user has a key pair of that name."""

    code, message = "compute.keypair.exists", "Key pair '{name}' already exists."


class KeypairNotFound(NotFound):
    """404: the user has none of that name."""

    code, message = "compute.keypair.not_found", "Keypair {name} not found for user {user}"


def _owner(request: Request, rule: str, user_id: str | None) -> str:
    owner = user_id if user_id and request.at_least(2, 10) else request.user_id
    request.authorize(f"os_compute_api:os-keypairs:{rule}", {"user_id": owner})
    return owner


async def index(request: Request, service: Compute) -> Body:
    """``GET /os-keypairs``: one's own; from 2.10 admin may name a user, from 2.35 there are pages."""
    owner = _owner(request, "index", request.query.get("user_id"))
    if not request.at_least(2, 35):
        rows = await store.page(service.db, owner, "", 1 << 30)
        return {"keypairs": [views.keypair(row, request) for row in rows]}
    page = page_of(request, service.config.page_limit)
    if page.marker is not None and await store.get(service.db, owner, page.marker) is None:
        raise Invalid(f"marker [{page.marker}] not found")
    rows = await store.page(service.db, owner, page.marker or "", page.limit)
    body: Body = {"keypairs": [views.keypair(row, request) for row in rows]}
    more = next_link(request, f"{API}/os-keypairs", rows, page, lambda row: str(row.name)) if page.explicit else None
    return body | ({"keypairs_links": more} if more else {})


async def create(request: Request, service: Compute) -> Body:
    """``POST /os-keypairs``: import a public key, or below 2.92 make a pair."""
    wanted = request.body["keypair"]
    owner = _owner(request, "create", wanted.get("user_id"))
    name, kind = wanted["name"], wanted.get("type", "ssh")
    domain.check_name(name, "@." if request.at_least(2, 92) else "")
    if "public_key" in wanted:
        pair = domain.read(wanted["public_key"], kind)
    else:
        pair = await asyncio.to_thread(domain.generate, kind, owner)
    kept = KeyPair(
        user_id=owner,
        name=name,
        type=kind,
        public_key=pair.public_key,
        fingerprint=pair.fingerprint,
        created_at=now_us(),
    )
    limits = await quota_limits.limits(service.db, service.default_quotas, request.project_id, owner)
    try:
        if not await store.insert(service.db, kept, limits["key_pairs"]):
            raise KeypairExists(name=name)
    except store.OverLimit as error:
        raise TooMany("Quota exceeded, too many key pairs.") from error
    return views.keypair_created(kept, pair.private_key, request)


async def show(request: Request, service: Compute) -> Body:
    """``GET /os-keypairs/{name}``."""
    owner, name = _owner(request, "show", request.query.get("user_id")), request.path["name"]
    found = await store.get(service.db, owner, name)
    if found is None:
        raise KeypairNotFound(name=name, user=owner)
    return views.keypair_detail(found, request)


async def delete(request: Request, service: Compute) -> None:
    """``DELETE /os-keypairs/{name}``."""
    owner, name = _owner(request, "delete", request.query.get("user_id")), request.path["name"]
    if not await store.remove(service.db, owner, name):
        raise KeypairNotFound(name=name, user=owner)
