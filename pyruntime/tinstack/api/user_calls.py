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
    headers: dict[str, str] | None = None,
) -> Answer:
    """Raises RemoteError and ServiceUnreachable."""
    sent = {**(await compute.session.on_behalf(context)), **(headers or {})}
    if version:
        sent["OpenStack-API-Version"] = f"{'volume' if service == 'block-storage' else service} {version}"
    url = await compute.session.endpoint(service) + path
    return await compute.session.send(method, url, token=context.token, json=json, headers=sent, service=service)
