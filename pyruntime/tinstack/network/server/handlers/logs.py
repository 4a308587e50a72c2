"""Logs, and what can be logged. Source: Network API reference, Logging Resource."""

from tinstack.core.http import Request
from tinstack.network.server import lists_admin as lists
from tinstack.network.server import logs, views_admin
from tinstack.network.server.handlers import computed
from tinstack.network.server.handlers.common import Body
from tinstack.network.server.handlers.plain import Noun, simply
from tinstack.network.server.parts import Parts
from tinstack.network.server.rows_admin import Log
from tinstack.network.server.schemas.logs import LOG

LOGS = Noun(LOG, logs.LOGS, lists.LOGS, new=lambda item: Log(**item), shows=simply(views_admin.log))


async def types(request: Request, parts: Parts) -> Body:
    """What can be logged."""
    found = [{"type": name} for name in logs.TYPES]
    return computed.listed(request, "loggable_resources", found, ("type",), "type")
