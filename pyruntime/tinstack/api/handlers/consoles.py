"""Consoles. Source: compute API reference, "Server consoles", "Server console auth tokens", and the actions of older versions."""

from tinstack.api import consoles
from tinstack.api.handlers.servers import visible
from tinstack.api.parts import Compute
from tinstack.api.views import Body
from tinstack.core.errors import Unauthorized
from tinstack.core.http import Request
from tinstack.core.http.routes import Handler

RULE = "os-remote-consoles"
ACTIONS = {
    "os-getVNCConsole": ("vnc", ("novnc", "xvpvnc")),
    "os-getSPICEConsole": ("spice", ("spice-html5",)),
    "os-getRDPConsole": ("rdp", ("rdp-html5",)),
    "os-getSerialConsole": ("serial", ("serial",)),
}
"""The actions up to 2.5: protocol and the types that may be asked for."""


async def create(request: Request, service: Compute) -> Body:
    """``POST /servers/{id}/remote-consoles``."""
    row = await visible(request, service, RULE)
    wanted = request.body["remote_console"]
    url = await consoles.open_console(service, row, wanted["protocol"], wanted["type"])
    return {"remote_console": {"protocol": wanted["protocol"], "type": wanted["type"], "url": url}}


def action(name: str) -> Handler:
    """``os-getVNCConsole`` …"""
    protocol, _ = ACTIONS[name]

    async def get_console(request: Request, service: Compute) -> Body:
        row = await visible(request, service, RULE)
        type = request.body[name]["type"]
        return {"console": {"type": type, "url": await consoles.open_console(service, row, protocol, type)}}

    return get_console


async def show_token(request: Request, service: Compute) -> Body:
    """``GET /os-console-auth-tokens/{token}``: where it leads; up to 2.30 of RDP consoles alone, of which there are none."""
    found = await consoles.opened_by(service, request.path["token"])
    if not request.at_least(2, 31):
        raise Unauthorized("The requested console type details are not accessible")
    return {
        "console": {
            "instance_uuid": found.instance_id,
            "host": found.host,
            "port": found.port,
            "internal_access_path": found.internal_access_path,
        }
    }
