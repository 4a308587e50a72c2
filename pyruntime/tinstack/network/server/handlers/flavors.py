"""Flavors, service profiles and providers. Source: Network API reference, Networking Flavors Framework, Service providers."""

from collections.abc import Mapping, Sequence
from typing import Any

from tinstack.core.http import Request
from tinstack.network.server import flavors, views_admin
from tinstack.network.server import lists_admin as lists
from tinstack.network.server import store_admin as store
from tinstack.network.server.handlers import computed
from tinstack.network.server.handlers.common import Body
from tinstack.network.server.handlers.plain import Noun, simply
from tinstack.network.server.parts import Parts
from tinstack.network.server.rows_admin import Flavor, ServiceProfile
from tinstack.network.server.schemas.setup import FLAVOR, PROFILE


async def _shows(request: Request, parts: Parts, rows: Sequence[Flavor]) -> list[Body]:
    profiles = await store.profiles_of(parts.db, [row.id for row in rows])
    return [views_admin.flavor(row, profiles[row.id]) for row in rows]


def _columns(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: "" if value is None else value for name, value in item.items()}


FLAVORS = Noun(
    FLAVOR,
    flavors.FLAVORS,
    lists.FLAVORS,
    new=lambda item: Flavor(**_columns(item)),
    shows=_shows,
    values=_columns,
)
PROFILES = Noun(
    PROFILE,
    flavors.PROFILES,
    lists.SERVICE_PROFILES,
    new=lambda item: ServiceProfile(**_columns(item)),
    shows=simply(views_admin.service_profile),
    values=_columns,
)


async def bind(request: Request, parts: Parts) -> Body:
    """Give a flavor a profile."""
    profile = await flavors.bind(parts.changes, request.path["id"], request.body["service_profile"]["id"])
    return {"service_profile": views_admin.service_profile(profile)}


async def unbind(request: Request, parts: Parts) -> None:
    """Take it away."""
    await flavors.unbind(parts.changes, request.path["id"], request.path["profile_id"])


async def next_providers(request: Request, parts: Parts) -> Body:
    """What the flavor leads to now."""
    found = await flavors.providers_of(parts.db, request.path["id"])
    items = [
        {"driver": provider.driver, "provider": provider.name, "metainfo": profile.metainfo}
        for provider, profile in found
    ]
    return computed.listed(request, "next_providers", items, ("driver", "provider", "metainfo"), "provider")


async def providers(request: Request, parts: Parts) -> Body:
    """The ways to make routers."""
    items = [
        {"service_type": flavors.L3, "name": one.name, "default": one is flavors.PROVIDERS[0]}
        for one in flavors.PROVIDERS
    ]
    return computed.listed(request, "service_providers", items, ("service_type", "name", "default"), "name")
