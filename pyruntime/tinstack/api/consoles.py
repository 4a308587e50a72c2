"""Consoles of servers: the URL by which a browser reaches one, with a token that opens just that for a while."""

from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from tinstack.api.errors import Invalid
from tinstack.api.parts import Compute
from tinstack.compute import rpc
from tinstack.computedb import console_tokens, instances
from tinstack.computedb.console_tokens import ConsoleToken
from tinstack.computedb.rows import Instance
from tinstack.core.bus import RemoteFailure
from tinstack.core.errors import Conflict, NotFound

KINDS = {("vnc", "novnc"): "vnc", ("serial", "serial"): "serial"}
"""Protocol and type of the API → what a host is asked for. There are no others here."""
TYPES = {
    "vnc": ("novnc", "xvpvnc"),
    "spice": ("spice-html5",),
    "rdp": ("rdp-html5",),
    "serial": ("serial",),
    "mks": ("webmks",),
}
"""The types that each protocol knows."""
PAGE = "/vnc_lite.html"
SERIAL_PATH = "/serial"


class NotReady(Conflict):
    """409: there is no guest that runs."""

    code, message = "compute.console.not_ready", "Instance {id} is not ready"


class TokenNotFound(NotFound):
    """404: no such token, or its time is over, or its server is not where it was."""

    code, message = "compute.console.token", "Token not found"


async def open_console(compute: Compute, row: Instance, protocol: str, type: str) -> str:
    """The URL. Raises Invalid, NotReady."""
    if type not in TYPES[protocol]:
        raise Invalid(f"Invalid console type {type}")
    if (protocol, type) not in KINDS:
        raise Invalid(f"Unavailable console type {type}.")
    if row.host is None:
        raise NotReady(id=row.id)
    kind = KINDS[protocol, type]
    try:
        message = rpc.GetConsole(server_id=row.id, kind=kind)
        place = await compute.bus.call(rpc.topic(row.host), message, rpc.ConsoleAt)
    except RemoteFailure as error:
        if error.remote_status in (404, 409):
            raise NotReady(id=row.id) from error
        if error.remote_status == 400:
            raise Invalid(f"Unavailable console type {type}.") from error
        raise
    token = str(uuid4())
    kept = ConsoleToken(
        token_hash=console_tokens.hash_of(token),
        instance_id=row.id,
        compute_host=row.host,
        console_type=type,
        host=place.host,
        port=place.port,
        internal_access_path=place.path or None,
        expires_at=0,
    )
    await console_tokens.add(compute.db, kept, compute.config.console_token_seconds)
    return _url(compute.config.console_url, kind, token)


def _url(base: str, kind: str, token: str) -> str:
    """As Nova's: noVNC's page with the path of its WebSocket, or the WebSocket itself."""
    query = urlencode({"token": token})
    if kind == "vnc":
        return f"{base}{PAGE}?{urlencode({'path': f'?{query}'})}"
    return (
        urlsplit(base)._replace(scheme="wss" if base.startswith("https:") else "ws").geturl() + f"{SERIAL_PATH}?{query}"
    )


async def opened_by(compute: Compute, token: str) -> ConsoleToken:
    """Where a token leads. Raises TokenNotFound."""
    found = await console_tokens.find(compute.db, token)
    server = await instances.get(compute.db, found.instance_id) if found else None
    if found is None or server is None or server.host != found.compute_host:
        raise TokenNotFound
    return found
