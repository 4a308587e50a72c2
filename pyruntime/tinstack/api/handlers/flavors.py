"""Flavors, access to private ones, extra specs. Source: compute API reference, "Flavors"."""

from uuid import uuid4

from tinstack.api import extra_specs
from tinstack.api.errors import FlavorNotFound, Invalid
from tinstack.api.numbers import number, query_number
from tinstack.api.parts import Compute
from tinstack.api.schemas.words import truth
from tinstack.api.views import API, Body
from tinstack.api.views import flavors as views
from tinstack.computedb import flavors as store
from tinstack.computedb.flavors import Flavor
from tinstack.core.clock import now_us
from tinstack.core.errors import Conflict, NotFound
from tinstack.core.http import Page, Request, page_of
from tinstack.core.http.paging import next_link

SORT_KEYS = {
    "flavorid": "id",
    "id": "id",
    "name": "name",
    "memory_mb": "ram_mib",
    "root_gb": "root_gib",
    "vcpus": "vcpus",
    "ephemeral_gb": "ephemeral_gib",
    "swap": "swap_mib",
    "rxtx_factor": "rxtx_factor",
    "is_public": "is_public",
    "disabled": "disabled",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "description": "description",
}
SPECS_RULE = "os_compute_api:os-flavor-extra-specs:index"


class FlavorExists(Conflict):
    """409: the name or the id is taken."""

    code = "compute.flavor.exists"


class SpecNotFound(NotFound):
    """404: the flavor has no such extra spec."""

    code, message = "compute.flavor.spec_not_found", "Flavor {id} has no extra specs with key {key}."


async def _visible(request: Request, service: Compute) -> Flavor:
    id = request.path["flavor_id"]
    project = None if request.context.is_admin else request.project_id
    found = await store.get(service.db, id, project)
    if found is None:
        raise FlavorNotFound(id=id)
    return found


async def _wanted(request: Request, service: Compute) -> list[Flavor]:
    """What the query asks for, of what the caller may see."""
    if request.context.is_admin:
        found = await store.everything(service.db)
        text = request.query.get("is_public")
        if text is None:
            found = [flavor for flavor in found if flavor.is_public] + await _private_of(request, service, found)
        elif text.lower() != "none":
            public = _public_asked(text)
            found = [flavor for flavor in found if flavor.is_public == public]
    else:
        found = await store.usable(service.db, request.project_id, disabled=False)
    memory = query_number(request.query.get("minRam"), "minRam")
    disk = query_number(request.query.get("minDisk"), "minDisk")
    return [flavor for flavor in found if flavor.ram_mib >= memory and flavor.root_gib >= disk]


async def _private_of(request: Request, service: Compute, found: list[Flavor]) -> list[Flavor]:
    private = {flavor.id for flavor in found if not flavor.is_public}
    if not private:
        return []
    usable = await store.usable(service.db, request.project_id, disabled=True)
    return [flavor for flavor in usable if flavor.id in private]


def _public_asked(text: str) -> bool:
    if text.lower() in ("1", "t", "true", "on", "y", "yes"):
        return True
    if text.lower() in ("0", "f", "false", "off", "n", "no"):
        return False
    raise Invalid(f"Invalid is_public filter [{text}]")


def _sorted(request: Request, found: list[Flavor]) -> list[Flavor]:
    key = request.query.get("sort_key", "flavorid") or "flavorid"
    direction = request.query.get("sort_dir", "asc")
    if key not in SORT_KEYS or direction not in ("asc", "desc"):
        raise Invalid(f"Invalid sort_key or sort_dir: '{key}' '{direction}'.")
    field = SORT_KEYS[key]

    def order(flavor: Flavor) -> tuple[bool, object, str]:
        value = getattr(flavor, field)
        return value is not None, 0 if value is None else value, flavor.id

    return sorted(found, key=order, reverse=direction == "desc")


def _page(request: Request, found: list[Flavor]) -> tuple[Page, list[Flavor]]:
    page = page_of(request)
    found = _sorted(request, found)
    if page.marker is not None:
        ids = [flavor.id for flavor in found]
        if page.marker not in ids:
            raise Invalid(f"marker [{page.marker}] not found")
        found = found[ids.index(page.marker) + 1 :]
    return page, found[: page.limit]


def _with_links(request: Request, page: Page, rows: list[Flavor], shown: list[Body], path: str) -> Body:
    body: Body = {"flavors": shown}
    more = next_link(request, f"{API}{path}", rows, page, lambda row: str(row.id)) if page.explicit else None
    if more:
        body["flavors_links"] = more
    return body


async def index(request: Request, service: Compute) -> Body:
    """``GET /flavors``."""
    page, rows = _page(request, await _wanted(request, service))
    return _with_links(request, page, rows, [views.brief(row, request) for row in rows], "/flavors")


async def detail(request: Request, service: Compute) -> Body:
    """``GET /flavors/detail``."""
    page, rows = _page(request, await _wanted(request, service))
    specs = request.may(SPECS_RULE)
    return _with_links(request, page, rows, [views.detail(row, request, specs) for row in rows], "/flavors/detail")


async def show(request: Request, service: Compute) -> Body:
    """``GET /flavors/{id}``."""
    return {"flavor": views.detail(await _visible(request, service), request, request.may(SPECS_RULE))}


async def create(request: Request, service: Compute) -> Body:
    """``POST /flavors``."""
    wanted = request.body["flavor"]
    id = wanted.get("id")
    flavor = Flavor(
        id=str(uuid4()) if id is None or id == "auto" else str(id),
        name=wanted["name"],
        vcpus=number(wanted["vcpus"], "vcpus", 1),
        ram_mib=number(wanted["ram"], "ram", 1),
        root_gib=number(wanted["disk"], "disk"),
        ephemeral_gib=number(wanted.get("OS-FLV-EXT-DATA:ephemeral", 0), "OS-FLV-EXT-DATA:ephemeral"),
        swap_mib=number(wanted.get("swap", 0), "swap"),
        rxtx_factor=str(_factor(wanted.get("rxtx_factor", 1.0))),
        is_public=truth(wanted.get("os-flavor-access:is_public", True)),
        description=wanted.get("description"),
        created_at=now_us(),
    )
    if not await store.insert(service.db, flavor):
        if await store.get(service.db, flavor.id, None):
            raise FlavorExists(f"Flavor with ID {flavor.id} already exists.")
        raise FlavorExists(f"Flavor with name {flavor.name} already exists.")
    return {"flavor": views.detail(flavor, request, request.may(SPECS_RULE))}


def _factor(value: object) -> float:
    factor = float(str(value))
    if not 0 < factor <= 3.4e38:
        raise Invalid(f"Invalid input for field/attribute rxtx_factor. Value: {value}. It must be more than 0.")
    return factor


async def update(request: Request, service: Compute) -> Body:
    """``PUT /flavors/{id}``, from 2.55: the description."""
    flavor = await _visible(request, service)
    flavor.description = request.body["flavor"]["description"]
    await store.describe(service.db, flavor.id, flavor.description, now_us())
    return {"flavor": views.detail(flavor, request, request.may(SPECS_RULE))}


async def delete(request: Request, service: Compute) -> None:
    """``DELETE /flavors/{id}``: servers keep their own copy of what they were made with."""
    if not await store.remove(service.db, request.path["flavor_id"]):
        raise FlavorNotFound(id=request.path["flavor_id"])


async def access(request: Request, service: Compute) -> Body:
    """``GET /flavors/{id}/os-flavor-access``."""
    flavor = await _visible(request, service)
    if flavor.is_public:
        raise NotFound("Access list not available for public flavors.")
    return await _access_of(service, flavor)


async def _access_of(service: Compute, flavor: Flavor) -> Body:
    rows = await store.access(service.db, flavor.id)
    return {"flavor_access": [{"flavor_id": row.flavor_id, "tenant_id": row.project_id} for row in rows]}


async def add_access(request: Request, service: Compute) -> Body:
    """``addTenantAccess``."""
    flavor = await _visible(request, service)
    project = request.body["addTenantAccess"]["tenant"]
    if flavor.is_public:
        raise Conflict("Can not add access to a public flavor.")
    if not await store.grant(service.db, flavor.id, project):
        raise Conflict(f"Flavor access already exists for flavor {flavor.id} and project {project} combination.")
    return await _access_of(service, flavor)


async def remove_access(request: Request, service: Compute) -> Body:
    """``removeTenantAccess``."""
    flavor = await _visible(request, service)
    project = request.body["removeTenantAccess"]["tenant"]
    if not await store.revoke(service.db, flavor.id, project):
        raise NotFound(f"Flavor access not found for {flavor.id} / {project} combination.")
    return await _access_of(service, flavor)


async def specs(request: Request, service: Compute) -> Body:
    """``GET /flavors/{id}/os-extra_specs``."""
    return {"extra_specs": (await _visible(request, service)).extra_specs}


async def spec(request: Request, service: Compute) -> Body:
    """``GET /flavors/{id}/os-extra_specs/{key}``."""
    flavor, key = await _visible(request, service), request.path["key"]
    if key not in flavor.extra_specs:
        raise SpecNotFound(id=flavor.id, key=key)
    return {key: flavor.extra_specs[key]}


async def set_specs(request: Request, service: Compute) -> Body:
    """``POST /flavors/{id}/os-extra_specs``."""
    flavor = await _visible(request, service)
    given = {key: str(value) for key, value in request.body["extra_specs"].items()}
    if request.at_least(2, 86):
        extra_specs.check(given)
    await _swap(service, flavor, {**flavor.extra_specs, **given})
    return {"extra_specs": given}


async def set_spec(request: Request, service: Compute) -> Body:
    """``PUT /flavors/{id}/os-extra_specs/{key}``."""
    flavor, key = await _visible(request, service), request.path["key"]
    if key not in request.body:
        raise Invalid("Request body and URI mismatch")
    value = str(request.body[key])
    if request.at_least(2, 86):
        extra_specs.check({key: value})
    await _swap(service, flavor, {**flavor.extra_specs, key: value})
    return {key: value}


async def delete_spec(request: Request, service: Compute) -> None:
    """``DELETE /flavors/{id}/os-extra_specs/{key}``."""
    flavor, key = await _visible(request, service), request.path["key"]
    if key not in flavor.extra_specs:
        raise SpecNotFound(id=flavor.id, key=key)
    await _swap(service, flavor, {name: value for name, value in flavor.extra_specs.items() if name != key})


async def _swap(service: Compute, flavor: Flavor, after: dict[str, str]) -> None:
    if not await store.set_specs(service.db, flavor.id, flavor.extra_specs, after, now_us()):
        raise Conflict(f"The extra specs of flavor {flavor.id} were changed by another request; try again.")
