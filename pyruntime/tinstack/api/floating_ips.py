"""Floating IPs of the network service, asked for with the user's own token."""

from typing import Any

from tinstack.api.networks import get
from tinstack.api.parts import Compute
from tinstack.api.proxy import through
from tinstack.core.context import Context
from tinstack.core.errors import NotFound

Body = dict[str, Any]


class NoSuchAddress(NotFound):
    """404: the project has no such floating IP."""

    code, message = "compute.floating_ip.address", "Floating IP not found for address {address}."


async def by_address(compute: Compute, context: Context, address: str) -> Body:
    """The project's own. Raises NoSuchAddress."""
    query = {"floating_ip_address": address, "project_id": context.project_id or ""}
    found: list[Body] = (await get(compute, context, "floatingips", **query))["floatingips"]
    if not found:
        raise NoSuchAddress(address=address)
    return found[0]


async def associate(compute: Compute, context: Context, id: str, port_id: str | None, fixed_ip: str | None) -> None:
    """Let it lead to an address of a port, or to nothing (None). Raises Invalid, NotFound, Conflict."""
    body = {"floatingip": {"port_id": port_id} | ({"fixed_ip_address": fixed_ip} if port_id else {})}
    await through(compute, context, "PUT", "network", f"/v2.0/floatingips/{id}", json=body)
