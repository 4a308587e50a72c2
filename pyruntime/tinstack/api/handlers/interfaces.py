"""A server's ports. Source: compute API reference, "Port interfaces (servers, os-interface)"."""

from typing import Any

from tinstack.api import interfaces, networks
from tinstack.api.handlers.servers import visible
from tinstack.api.interfaces import NotAttached
from tinstack.api.parts import Compute
from tinstack.api.views import Body
from tinstack.computedb.rows import Instance
from tinstack.core.http import Request


def _shown(port: dict[str, Any], tag: str | None, request: Request) -> Body:
    shown: Body = {
        "port_id": port["id"],
        "net_id": port["network_id"],
        "mac_addr": port["mac_address"],
        "port_state": port.get("status", "DOWN"),
        "fixed_ips": [
            {"ip_address": fixed["ip_address"], "subnet_id": fixed["subnet_id"]} for fixed in port.get("fixed_ips", [])
        ],
    }
    if request.at_least(2, 70):
        shown["tag"] = tag
    return shown


async def index(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/os-interface``."""
    row = await visible(request, service, "os-attach-interfaces:list")
    ports = await networks.ports_of_server(service, request.context, row.id)
    return {"interfaceAttachments": [_shown(port, _tag(row, port["id"]), request) for port in ports]}


async def show(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/os-interface/{port}``."""
    row, id = await visible(request, service, "os-attach-interfaces:show"), request.path["port_id"]
    for port in await networks.ports_of_server(service, request.context, row.id):
        if port["id"] == id:
            return {"interfaceAttachment": _shown(port, _tag(row, port["id"]), request)}
    raise NotAttached(id=row.id, port=id)


def _tag(row: Instance, port_id: str) -> str | None:
    return next((one.tag for one in row.ports if one.id == port_id), None)


async def create(request: Request, service: Compute) -> Body:
    """``POST /servers/{id}/os-interface``: answered once the guest has it."""
    row = await visible(request, service, "os-attach-interfaces:create")
    wanted = request.body["interfaceAttachment"]
    port = await interfaces.attach(service, request, row, wanted)
    return {"interfaceAttachment": _shown(port, wanted.get("tag"), request)}


async def delete(request: Request, service: Compute) -> None:
    """``DELETE /servers/{id}/os-interface/{port}``."""
    row = await visible(request, service, "os-attach-interfaces:delete")
    await interfaces.detach(service, request, row, request.path["port_id"])
