"""Calls to other services in the user's own name, with the token of the request."""

from typing import Any

from tinstack.api.parts import Compute
from tinstack.core.client import Answer
from tinstack.core.context import Context


async def ask(
    compute: Compute,
    context: Context,
    method: str,
    service: str,
    path: str,
    *,
    json: Any = None,
    version: str | None = None,
) -> Answer:
    """Raises RemoteError and ServiceUnreachable."""
    headers = (
        {"OpenStack-API-Version": f"{'volume' if service == 'block-storage' else service} {version}"}
        if version
        else None
    )
    url = await compute.session.endpoint(service) + path
    return await compute.session.send(method, url, token=context.token, json=json, headers=headers, service=service)
