"""Limits, quota sets and classes. Source: compute API reference, "Limits", "Quota sets", "Quota class sets"."""

from collections.abc import Mapping

from tinstack.api.errors import Invalid
from tinstack.api.numbers import number
from tinstack.api.parts import Compute
from tinstack.api.schemas.admin import CORE_QUOTAS, FILE_QUOTAS, NETWORK_QUOTAS
from tinstack.api.schemas.words import truth
from tinstack.api.views import Body
from tinstack.computedb import quota_limits as store
from tinstack.core.http import Request


def _shown(request: Request, network_until: tuple[int, int] = (2, 36)) -> tuple[str, ...]:
    """The resources of a band: networks' until 2.35 (2.49 in classes), injected files' until 2.56."""
    names = CORE_QUOTAS
    if not request.at_least(2, 57):
        names += FILE_QUOTAS
    if not request.at_least(*network_until):
        names += NETWORK_QUOTAS
    return names


def _pick(limits: Mapping[str, int], names: tuple[str, ...]) -> dict[str, int]:
    return {name: limits[name] for name in names}


async def _in_use(service: Compute, project: str, user_id: str) -> dict[str, int]:
    usage = await store.usage(service.db, project)
    return {
        "instances": usage.instances,
        "cores": usage.cores,
        "ram": usage.ram_mib,
        "server_groups": await store.groups(service.db, project),
        "key_pairs": 0,
    }


def _project(request: Request, rule: str) -> str:
    project = request.path["project_id"]
    request.authorize(f"os_compute_api:os-quota-sets:{rule}", {"project_id": project})
    return project


async def show(request: Request, service: Compute) -> Body:
    """``GET /os-quota-sets/{project}``."""
    project = _project(request, "show")
    limits = await store.limits(service.db, service.default_quotas, project, request.query.get("user_id"))
    return {"quota_set": {"id": project, **_pick(limits, _shown(request))}}


async def detail(request: Request, service: Compute) -> Body:
    """``GET /os-quota-sets/{project}/detail``: with what is used."""
    project = _project(request, "detail")
    limits = await store.limits(service.db, service.default_quotas, project, request.query.get("user_id"))
    used = await _in_use(service, project, request.user_id)
    return {
        "quota_set": {
            "id": project,
            **{name: {"limit": limits[name], "in_use": used.get(name, 0), "reserved": 0} for name in _shown(request)},
        }
    }


async def defaults(request: Request, service: Compute) -> Body:
    """``GET /os-quota-sets/{project}/defaults``."""
    project = _project(request, "defaults")
    limits = await store.default_limits(service.db, service.default_quotas)
    return {"quota_set": {"id": project, **_pick(limits, _shown(request))}}


async def update(request: Request, service: Compute) -> Body:
    """``PUT /os-quota-sets/{project}``: below what is used only with ``force``."""
    project = _project(request, "update")
    wanted = {name: number(value, name, -1) for name, value in request.body["quota_set"].items() if name != "force"}
    user = request.query.get("user_id")
    if not truth(request.body["quota_set"].get("force", False)):
        used = await _in_use(service, project, user or "")
        for name, limit in wanted.items():
            if 0 <= limit < used.get(name, 0):
                raise Invalid(
                    f"Quota limit {limit} for {name} must be greater than or equal to "
                    f"already used and reserved {used[name]}."
                )
    if user:
        await _check_user(service, project, wanted)
    await store.set_limits(service.db, store.user(project, user) if user else store.project(project), wanted)
    limits = await store.limits(service.db, service.default_quotas, project, user)
    return {"quota_set": _pick(limits, _shown(request))}


async def _check_user(service: Compute, project: str, wanted: Mapping[str, int]) -> None:
    limits = await store.limits(service.db, service.default_quotas, project)
    for name, limit in wanted.items():
        most = limits[name]
        if most >= 0 and (limit > most or limit < 0):
            raise Invalid(f"Quota limit {limit} for {name} must be less than or equal to {most}.")


async def delete(request: Request, service: Compute) -> None:
    """``DELETE /os-quota-sets/{project}``: back to the defaults."""
    project = _project(request, "delete")
    user = request.query.get("user_id")
    await store.forget(service.db, store.user(project, user) if user else store.project(project))


async def show_class(request: Request, service: Compute) -> Body:
    """``GET /os-quota-class-sets/{class}``: every class shows the defaults, as only ``default`` counts."""
    limits = await store.default_limits(service.db, service.default_quotas)
    return {"quota_class_set": {"id": request.path["name"], **_pick(limits, _shown(request, (2, 50)))}}


async def update_class(request: Request, service: Compute) -> Body:
    """``PUT /os-quota-class-sets/{class}``."""
    wanted = {name: number(value, name, -1) for name, value in request.body["quota_class_set"].items()}
    if request.path["name"] == "default":
        await store.set_limits(service.db, store.DEFAULT_CLASS, wanted)
    limits = {**await store.default_limits(service.db, service.default_quotas), **wanted}
    return {"quota_class_set": _pick(limits, _shown(request, (2, 50)))}


async def limits(request: Request, service: Compute) -> Body:
    """``GET /limits``."""
    project = request.project_id
    other = request.query.get("tenant_id")
    if other and other != project:
        request.authorize("os_compute_api:limits:other_project", {"project_id": other})
        project = other
    most = await store.limits(service.db, service.default_quotas, project)
    used = await _in_use(service, project, request.user_id)
    shown: Body = {
        "maxTotalRAMSize": most["ram"],
        "maxTotalInstances": most["instances"],
        "maxTotalCores": most["cores"],
        "maxTotalKeypairs": most["key_pairs"],
        "maxServerMeta": most["metadata_items"],
        "maxServerGroups": most["server_groups"],
        "maxServerGroupMembers": most["server_group_members"],
        "totalRAMUsed": used["ram"],
        "totalInstancesUsed": used["instances"],
        "totalCoresUsed": used["cores"],
        "totalServerGroupsUsed": used["server_groups"],
    }
    if not request.at_least(2, 57):
        shown |= {"maxPersonality": most["injected_files"], "maxPersonalitySize": most["injected_file_content_bytes"]}
    if not request.at_least(2, 39):
        shown["maxImageMeta"] = most["metadata_items"]
    if not request.at_least(2, 36):
        shown |= {
            "maxSecurityGroups": most["security_groups"],
            "maxSecurityGroupRules": most["security_group_rules"],
            "maxTotalFloatingIps": most["floating_ips"],
            "totalFloatingIpsUsed": 0,
            "totalSecurityGroupsUsed": 0,
        }
    return {"limits": {"rate": [], "absolute": shown}}
