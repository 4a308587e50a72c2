"""Domain configuration. Source: Identity API v3 reference, "Domain configuration".

Kept and shown; no directory but this service's own tables is spoken to, so nothing here acts on it.
"""

from typing import Any

import msgspec

from tinstack.core.errors import NotFound
from tinstack.core.http import Request, Response
from tinstack.identity import domain_config
from tinstack.identity.domain_config import SECURITY, Config
from tinstack.identity.errors import Missing
from tinstack.identity.handlers.common import required
from tinstack.identity.identity import Identity
from tinstack.identity.rows import DEFAULT_DOMAIN


async def _domain(request: Request, identity: Identity) -> str:
    domain_id = request.path["domain_id"]
    required((await identity.now()).domain(domain_id), "domain", domain_id)
    return domain_id


def _part(request: Request, config: Config, error: NotFound) -> Any:
    """The group or the option that the path names. Raises ``error``."""
    group, option = request.path.get("group"), request.path.get("option")
    if not config or (group and group not in config) or (group and option and option not in config[group]):
        raise error
    if group and option:
        return {option: config[group][option]}
    return {group: config[group]} if group else config


def _missing(request: Request) -> Missing:
    part = request.path.get("option") or request.path.get("group") or "any option"
    return Missing(kind="domain configuration", id=f"{part} of domain {request.path['domain_id']}")


async def default(request: Request, identity: Identity) -> object:
    """What holds where a domain says nothing."""
    group, option = request.path.get("group"), request.path.get("option")
    domain_config.check_names(group, option)
    return {"config": _part(request, domain_config.DEFAULTS, Missing(kind="option", id=option or group or ""))}


async def show(request: Request, identity: Identity) -> object:
    """All of a domain's configuration, a group or an option."""
    group, option = request.path.get("group"), request.path.get("option")
    if group == SECURITY:
        request.authorize("identity:get_security_compliance_domain_config")
        domain_config.check_security(await _domain(request, identity) == DEFAULT_DOMAIN, option)
        return {"config": _part(request, {SECURITY: domain_config.SECURITY_OPTIONS}, _missing(request))}
    request.authorize("identity:get_domain_config")
    domain_id = await _domain(request, identity)
    domain_config.check_names(group, option)
    return {"config": _part(request, await domain_config.shown(identity, domain_id), _missing(request))}


async def create(request: Request, identity: Identity) -> Response:
    """Replace all: 201 where there was none."""
    domain_id, given = await _domain(request, identity), request.body["config"]
    was_there = await domain_config.replace(identity, domain_id, given)
    shown = {"config": await domain_config.shown(identity, domain_id)}
    return Response(200 if was_there else 201, msgspec.json.encode(shown))


async def update(request: Request, identity: Identity) -> object:
    """Change options, of one group or one option where the path names it."""
    domain_id = await _domain(request, identity)
    group, option = request.path.get("group"), request.path.get("option")
    domain_config.check_names(group, option)
    given = domain_config.named(request.body["config"], group, option)
    if group and given:
        _part(request, await domain_config.kept(identity, domain_id), _missing(request))
    await domain_config.update(identity, domain_id, given)
    return {"config": await domain_config.shown(identity, domain_id)}


async def delete(request: Request, identity: Identity) -> None:
    """Forget all, a group or an option."""
    domain_id = await _domain(request, identity)
    group, option = request.path.get("group"), request.path.get("option")
    domain_config.check_names(group, option)
    if group:
        _part(request, await domain_config.kept(identity, domain_id), _missing(request))
    await domain_config.delete(identity, domain_id, group, option)
