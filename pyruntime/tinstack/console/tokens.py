"""Whether a token opens a console, and which: the compute API knows. Source: its reference, "Server console auth tokens"."""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from tinstack.console.upstream import Target
from tinstack.core.client import Session

VERSION = "2.31"

Lookup = Callable[[str, bool], Awaitable[Target | None]]
"""(token, serial) → where it leads; None: nowhere."""


def by_api(session: Session) -> Lookup:
    """Asked each time: a token of a server that is gone opens nothing any more."""

    async def look(token: str, serial: bool) -> Target | None:
        path = f"/os-console-auth-tokens/{quote(token, safe='')}"
        answer = await session.request("GET", "compute", path, version=VERSION, ok=(400, 404))
        if answer.status != 200:
            return None
        found = answer.json()["console"]
        return Target(
            server_id=found["instance_uuid"],
            host=found["host"],
            port=found["port"],
            path=found["internal_access_path"] or "",
            serial=serial,
        )

    return look
