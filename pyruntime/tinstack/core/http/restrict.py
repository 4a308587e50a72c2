"""Who asks, and whether an application credential's access rules let it."""

from collections.abc import Collection
from typing import Protocol

from tinstack.core.access_rules import permits
from tinstack.core.context import Context
from tinstack.core.errors import Unauthorized
from tinstack.core.http.request import Request


class Authenticator(Protocol):
    """From a token to its context."""

    async def authenticate(self, token: str) -> Context:
        """Raises Unauthorized; Unavailable when identity can't be asked."""


async def check_access_rules(request: Request, types: Collection[str], authenticator: Authenticator) -> None:
    """Raises Unauthorized for what none of them permits, unless one of our services asks on the user's behalf.

    ``types``: those of the service in the catalog.
    """
    context, asgi = request.context_or_none, request.asgi
    if context is None or context.access_rules is None or permits(context.access_rules, types, asgi.method, asgi.path):
        return
    service_token = asgi.get_header("X-Service-Token")
    if not service_token or not (await authenticator.authenticate(service_token)).is_service:
        raise Unauthorized("No access rule of the application credential permits this request.")
