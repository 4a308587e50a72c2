"""Networks and floating IPs up to 2.35. Source: compute API reference, "Networks (os-networks) (DEPRECATED)", "Project
networks", "Floating IPs", "Floating IP pools"."""

from tinstack.api import networks
from tinstack.api.errors import Invalid
from tinstack.api.parts import Compute
from tinstack.api.proxy import through
from tinstack.api.schemas.words import is_uuid
from tinstack.api.views import Body
from tinstack.core.errors import NotFound
from tinstack.core.http import Request

_UNKNOWN = (
    "cidr", "netmask", "gateway", "broadcast", "dns1", "dns2", "cidr_v6", "gateway_v6", "netmask_v6",
)  # fmt: skip
_UNKNOWN_TO_ADMIN = (
    "created_at", "updated_at", "deleted_at", "deleted", "injected", "bridge", "vlan", "vpn_public_address",
    "vpn_public_port", "vpn_private_address", "dhcp_start", "project_id", "host", "bridge_interface", "multi_host",
    "priority", "rxtx_base", "mtu", "dhcp_server", "enable_dhcp", "share_address",
)  # fmt: skip
"""Fields of networks that only nova-network had; they are null."""


class NoSuchPool(NotFound):
    """404: no external network of that name or id."""

    code, message = "compute.floating_ip.pool", "Floating IP pool not found."


async def _networks(request: Request, service: Compute) -> list[Body]:
    found: list[Body] = (await networks.get(service, request.context, "networks"))["networks"]
    return found


async def _network(request: Request, service: Compute) -> Body:
    id = request.path["id"]
    if is_uuid(id):
        answer = await through(service, request.context, "GET", "network", f"/v2.0/networks/{id}")
        found: Body = answer.json()["network"]
        return found
    raise NotFound("Network not found")


def _shown(network: Body, request: Request) -> Body:
    unknown = _UNKNOWN + (_UNKNOWN_TO_ADMIN if request.context.is_admin else ())
    return {"id": network["id"], "label": network["name"], **dict.fromkeys(unknown)}


async def index(request: Request, service: Compute) -> Body:
    """``GET /os-networks``."""
    return {"networks": [_shown(one, request) for one in await _networks(request, service)]}


async def show(request: Request, service: Compute) -> Body:
    """``GET /os-networks/{id}``."""
    return {"network": _shown(await _network(request, service), request)}


def _of_project(network: Body) -> Body:
    return {"id": network["id"], "label": network["name"], "cidr": "None"}


async def index_of_project(request: Request, service: Compute) -> Body:
    """``GET /os-tenant-networks``."""
    return {"networks": [_of_project(one) for one in await _networks(request, service)]}


async def show_of_project(request: Request, service: Compute) -> Body:
    """``GET /os-tenant-networks/{id}``."""
    return {"network": _of_project(await _network(request, service))}


# --- floating IPs ---------------------------------------------------------------------------------


async def _pools(request: Request, service: Compute) -> dict[str, str]:
    """Id → name of the external networks."""
    found = await networks.get(service, request.context, "networks", **{"router:external": "True"})
    return {one["id"]: one["name"] for one in found["networks"]}


async def pools(request: Request, service: Compute) -> Body:
    """``GET /os-floating-ip-pools``."""
    return {"floating_ip_pools": [{"name": name} for name in (await _pools(request, service)).values()]}


async def _floating(request: Request, service: Compute, rows: list[Body]) -> list[Body]:
    """As this API shows them: with the pool's name and the server that they lead to."""
    names = await _pools(request, service)
    of_port: dict[str, str] = {}
    if any(row.get("port_id") for row in rows):
        own = {"project_id": request.project_id}
        found = await networks.get(service, request.context, "ports", **own)
        of_port = {port["id"]: port["device_id"] for port in found["ports"]}
    return [
        {
            "id": row["id"],
            "ip": row["floating_ip_address"],
            "pool": names.get(row["floating_network_id"], row["floating_network_id"]),
            "fixed_ip": row["fixed_ip_address"],
            "instance_id": of_port.get(row["port_id"] or "") or None,
        }
        for row in rows
    ]


async def floating_index(request: Request, service: Compute) -> Body:
    """``GET /os-floating-ips``: the project's own."""
    found = await networks.get(service, request.context, "floatingips", project_id=request.project_id)
    return {"floating_ips": await _floating(request, service, found["floatingips"])}


def _floating_path(request: Request) -> str:
    id = request.path["id"]
    if not is_uuid(id):
        raise NotFound(f"Floating IP not found for ID {id}")
    return f"/v2.0/floatingips/{id}"


async def floating_show(request: Request, service: Compute) -> Body:
    """``GET /os-floating-ips/{id}``."""
    found = (await through(service, request.context, "GET", "network", _floating_path(request))).json()["floatingip"]
    return {"floating_ip": (await _floating(request, service, [found]))[0]}


async def floating_create(request: Request, service: Compute) -> Body:
    """``POST /os-floating-ips``: from the pool that is named, or the only one."""
    wanted = (request.body or {}).get("pool")
    known = await _pools(request, service)
    fits = [id for id, name in known.items() if wanted in (None, id, name)]
    if not fits:
        raise NoSuchPool
    if len(fits) > 1:
        raise Invalid("Multiple floating IP pools match; name one by its id.")
    body = {"floatingip": {"floating_network_id": fits[0]}}
    made = await through(service, request.context, "POST", "network", "/v2.0/floatingips", json=body)
    return {"floating_ip": (await _floating(request, service, [made.json()["floatingip"]]))[0]}


async def floating_delete(request: Request, service: Compute) -> None:
    """``DELETE /os-floating-ips/{id}``."""
    await through(service, request.context, "DELETE", "network", _floating_path(request))
