"""Domains. Source: Identity API v3 reference, "Domains"."""

from tinstack.core.http import Request
from tinstack.identity import projects, views
from tinstack.identity.errors import Missing
from tinstack.identity.handlers.common import required, target_of
from tinstack.identity.identity import Identity
from tinstack.identity.rows import Project


async def _found(request: Request, identity: Identity, rule: str) -> Project:
    domain_id = request.path["domain_id"]
    domain = (await identity.now()).domain(domain_id)
    request.authorize(rule, {"domain": target_of(domain)})
    if domain is None:
        raise Missing(kind="domain", id=domain_id)
    return domain


async def index(request: Request, identity: Identity) -> object:
    """Domains; only its own with a domain's token."""
    own = request.context.domain_id
    request.authorize("identity:list_domains", {"domain": {"id": own}})
    found = (row for row in (await identity.now()).projects.values() if row.is_domain and own in (None, row.id))
    shown = (views.domain(request, row) for row in found)
    return views.collection(request, "domains", shown, "/v3/domains", ("name", "enabled"))


async def create(request: Request, identity: Identity) -> object:
    """A new domain."""
    return {"domain": views.domain(request, await projects.create_domain(identity, request.body["domain"]))}


async def show(request: Request, identity: Identity) -> object:
    """One domain."""
    return {"domain": views.domain(request, await _found(request, identity, "identity:get_domain"))}


async def update(request: Request, identity: Identity) -> object:
    """Change a domain."""
    domain_id = request.path["domain_id"]
    required((await identity.now()).domain(domain_id), "domain", domain_id)  # here 404 comes before 403
    domain = await _found(request, identity, "identity:update_domain")
    return {"domain": views.domain(request, await projects.update(identity, domain, request.body["domain"]))}


async def delete(request: Request, identity: Identity) -> None:
    """Delete a disabled domain with all that is in it."""
    await projects.delete(identity, await _found(request, identity, "identity:delete_domain"))
