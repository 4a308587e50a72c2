"""Regions, services and endpoints. Source: Identity API v3 reference, "Regions" and "Service catalog and endpoints"."""

from typing import Any
from uuid import uuid4

import msgspec

from tinstack.core.http import Request
from tinstack.identity import endpoints, views
from tinstack.identity.errors import Invalid
from tinstack.identity.handlers.common import required
from tinstack.identity.identity import Identity
from tinstack.identity.rows import CatalogService, Endpoint, Region

FIELDS = {"id", "name", "type", "description", "enabled", "links"}
ENDPOINT_FIELDS = {"id", "service_id", "region", "region_id", "interface", "url", "enabled", "links"}


def _extra(given: dict[str, Any], known: set[str]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in known}


# --- regions --------------------------------------------------------------------------------------

REGION_FIELDS = {"id", "description", "parent_region_id", "links"}


async def _region(request: Request, identity: Identity) -> Region:
    region_id = request.path["region_id"]
    region: Region = required((await identity.now()).regions.get(region_id), "region", region_id)
    return region


async def regions(request: Request, identity: Identity) -> object:
    """All regions."""
    shown = (views.region(request, region) for region in (await identity.now()).regions.values())
    return views.collection(request, "regions", shown, "/v3/regions", ("parent_region_id",))


async def create_region(request: Request, identity: Identity) -> object:
    """A new region, under the id that the caller chose or a new one."""
    given = request.body["region"]
    return await _make_region(request, identity, given.get("id") or uuid4().hex)


async def create_named_region(request: Request, identity: Identity) -> object:
    """A new region under the id in the path. Raises Invalid where the body names another."""
    region_id = request.path["region_id"]
    if request.body["region"].get("id", region_id) != region_id:
        raise Invalid(f"The body names another region than {region_id}, which the path names.")
    return await _make_region(request, identity, region_id)


async def _make_region(request: Request, identity: Identity, region_id: str) -> object:
    given = request.body["region"]
    region = Region(
        id=region_id,
        description=given.get("description") or "",
        parent_region_id=given.get("parent_region_id"),
        extra=_extra(given, REGION_FIELDS),
    )
    await endpoints.create(identity, region)
    return {"region": views.region(request, region)}


async def show_region(request: Request, identity: Identity) -> object:
    """One region."""
    return {"region": views.region(request, await _region(request, identity))}


async def update_region(request: Request, identity: Identity) -> object:
    """Change a region."""
    region, given = await _region(request, identity), request.body["region"]
    changed = msgspec.structs.replace(
        region,
        description=given.get("description", region.description) or "",
        parent_region_id=given.get("parent_region_id", region.parent_region_id),
        extra={**region.extra, **_extra(given, REGION_FIELDS)},
    )
    await endpoints.replace(identity, changed)
    return {"region": views.region(request, changed)}


async def delete_region(request: Request, identity: Identity) -> None:
    """Delete a region."""
    await endpoints.delete_region(identity, (await _region(request, identity)).id)


# --- services -------------------------------------------------------------------------------------


async def _service(request: Request, identity: Identity) -> CatalogService:
    service_id = request.path["service_id"]
    service: CatalogService = required((await identity.now()).services.get(service_id), "service", service_id)
    return service


async def services(request: Request, identity: Identity) -> object:
    """All services."""
    shown = (views.service(request, service) for service in (await identity.now()).services.values())
    return views.collection(request, "services", shown, "/v3/services", ("type", "name"))


async def create_service(request: Request, identity: Identity) -> object:
    """A new service."""
    given = request.body["service"]
    service = CatalogService(
        id=uuid4().hex,
        type=given["type"],
        name=given.get("name", ""),
        description=given.get("description") or "",
        enabled=given.get("enabled", True),
        extra=_extra(given, FIELDS),
    )
    await endpoints.create(identity, service)
    return {"service": views.service(request, service)}


async def show_service(request: Request, identity: Identity) -> object:
    """One service."""
    return {"service": views.service(request, await _service(request, identity))}


async def update_service(request: Request, identity: Identity) -> object:
    """Change a service."""
    service, given = await _service(request, identity), request.body["service"]
    changed = msgspec.structs.replace(
        service,
        type=given.get("type", service.type),
        name=given.get("name", service.name),
        description=given.get("description", service.description) or "",
        enabled=given.get("enabled", service.enabled),
        extra={**service.extra, **_extra(given, FIELDS)},
    )
    await endpoints.replace(identity, changed)
    return {"service": views.service(request, changed)}


async def delete_service(request: Request, identity: Identity) -> None:
    """Delete a service and its endpoints."""
    await endpoints.delete_service(identity, (await _service(request, identity)).id)


# --- endpoints ------------------------------------------------------------------------------------


async def _endpoint(request: Request, identity: Identity) -> Endpoint:
    endpoint_id = request.path["endpoint_id"]
    endpoint: Endpoint = required((await identity.now()).endpoints.get(endpoint_id), "endpoint", endpoint_id)
    return endpoint


async def _region_of(identity: Identity, given: dict[str, Any], default: str | None) -> str | None:
    """``region_id`` must be there; the old key ``region`` makes it."""
    if given.get("region_id") is None and given.get("region"):
        await endpoints.make_region(identity, given["region"])
        return str(given["region"])
    region_id: str | None = given.get("region_id", default)
    return region_id


async def index(request: Request, identity: Identity) -> object:
    """All endpoints."""
    shown = (views.endpoint(request, endpoint) for endpoint in (await identity.now()).endpoints.values())
    return views.collection(request, "endpoints", shown, "/v3/endpoints", ("interface", "service_id", "region_id"))


async def create(request: Request, identity: Identity) -> object:
    """A new endpoint."""
    given = request.body["endpoint"]
    endpoint = Endpoint(
        id=uuid4().hex,
        service_id=given["service_id"],
        region_id=await _region_of(identity, given, None),
        interface=given["interface"],
        url=given["url"],
        enabled=given.get("enabled", True),
        extra=_extra(given, ENDPOINT_FIELDS),
    )
    await endpoints.create(identity, endpoint)
    return {"endpoint": views.endpoint(request, endpoint)}


async def show(request: Request, identity: Identity) -> object:
    """One endpoint."""
    return {"endpoint": views.endpoint(request, await _endpoint(request, identity))}


async def update(request: Request, identity: Identity) -> object:
    """Change an endpoint."""
    endpoint, given = await _endpoint(request, identity), request.body["endpoint"]
    changed = msgspec.structs.replace(
        endpoint,
        service_id=given.get("service_id", endpoint.service_id),
        region_id=await _region_of(identity, given, endpoint.region_id),
        interface=given.get("interface", endpoint.interface),
        url=given.get("url", endpoint.url),
        enabled=given.get("enabled", endpoint.enabled),
        extra={**endpoint.extra, **_extra(given, ENDPOINT_FIELDS)},
    )
    await endpoints.replace(identity, changed)
    return {"endpoint": views.endpoint(request, changed)}


async def delete(request: Request, identity: Identity) -> None:
    """Delete an endpoint."""
    await endpoints.delete_endpoint(identity, (await _endpoint(request, identity)).id)
