"""Plugging ports into servers that are there: what a request names, checked; and what became of it."""

import ipaddress
from typing import Any
from uuid import uuid4

from tinstack.api import networks
from tinstack.api.errors import Invalid, TooMany
from tinstack.api.operations import operate, outcome
from tinstack.api.parts import Compute
from tinstack.computedb import details, instances
from tinstack.computedb.rows import Instance
from tinstack.computedb.store import Begun, WrongState
from tinstack.conductor.rpc import RequestedPort
from tinstack.core.clock import now_us
from tinstack.core.db import Transaction
from tinstack.core.errors import ApiError, Conflict, Forbidden, NotFound
from tinstack.core.http import Request
from tinstack.core.operations import DONE

ATTACH, DETACH = "attach_interface", "detach_interface"
OVER_QUOTA, NO_ADDRESS = "Quota exceeded", "No more IP addresses"


class NoNetwork(Invalid):
    """400: no network was named and the project has none."""

    code = "compute.interface.no_network"
    message = "No specific network was requested and none are available for project '{project}'."


class NotAttached(NotFound):
    """404: the server has no such port."""

    code, message = "compute.interface.not_found", "Instance {id} does not have a port with id {port}"


class AttachFailed(ApiError):
    """500: the host could not plug it in."""

    code, message = "compute.interface.failed", "Failed to attach network adapter device to {id}: {reason}"


async def attach(compute: Compute, request: Request, row: Instance, wanted: dict[str, Any]) -> dict[str, Any]:
    """Plug a port in and wait for it; the Network API's body of the port.

    Raises Invalid, TooMany, NotFound, Conflict, Forbidden as the reference has them; AttachFailed, StillUnderWay.
    """
    port = await _planned(compute, request, row, wanted)

    async def name_it(tx: Transaction, begun: Begun) -> None:
        begun.server.ports = [*begun.server.ports, port]
        await instances.write(tx, row.id, ports=begun.server.ports)

    begun = await operate(compute, request, row, ATTACH, data={"port_id": port.id}, also=name_it)
    ended = await outcome(compute, begun)
    if ended.state != DONE:
        raise _refusal(row, ended.error or {})
    found = await compute.session.request("GET", "network", f"/v2.0/ports/{port.id}", ok=(404,))
    if found.status == 404:
        raise NotAttached(id=row.id, port=port.id)
    body: dict[str, Any] = found.json()["port"]
    return body


def _refusal(row: Instance, fault: dict[str, Any]) -> ApiError:
    """What the network service refused while the host asked it, in this API's codes."""
    status, reason = fault.get("code", 500), str(fault.get("details") or "it was ended by another request")
    if status == 409 and OVER_QUOTA in reason:
        return TooMany(reason)
    if status == 409 and NO_ADDRESS in reason:
        return Invalid(reason)
    kinds: dict[int, type[ApiError]] = {400: Invalid, 403: Forbidden, 404: NotFound, 409: Conflict}
    if status in kinds:
        return kinds[status](reason)
    return AttachFailed(id=row.id, reason=reason)


async def detach(compute: Compute, request: Request, row: Instance, port_id: str) -> None:
    """Unplug a port; what was made for the server is removed then, what was given is free. Raises NotAttached."""
    known = {port.id for port in row.ports} | {one.port_id for one in row.network_info}
    if port_id not in known:
        raise NotAttached(id=row.id, port=port_id)
    await operate(compute, request, row, DETACH, data={"port_id": port_id})


async def _planned(compute: Compute, request: Request, row: Instance, wanted: dict[str, Any]) -> RequestedPort:
    """The port with its id, chosen now where it is to be made."""
    port_id, network_id, fixed = wanted.get("port_id"), wanted.get("net_id"), wanted.get("fixed_ips")
    if port_id and network_id:
        raise Invalid("Must not input both network_id and port_id")
    if fixed and not network_id:
        raise Invalid("Must input network_id when request IP address")
    if port_id:
        return await _given(compute, request, row, port_id, wanted.get("tag"))
    if network_id is None:
        network_id = await _only_network(compute, request)
    try:
        network = await networks.find_network(compute, request.context, network_id)
    except networks.NetworkNotFound as error:
        raise NotFound(error.text) from error
    address = fixed[0]["ip_address"] if fixed else None
    if address:
        await _check_address(compute, request, network, address)
    return RequestedPort(id=str(uuid4()), network_id=network_id, ours=True, fixed_ip=address, tag=wanted.get("tag"))


async def _given(compute: Compute, request: Request, row: Instance, id: str, tag: str | None) -> RequestedPort:
    try:
        port = await networks.find_port(compute, request.context, id)
    except networks.PortNotFound as error:
        raise NotFound(error.text) from error
    if port["project_id"] != row.project_id:
        raise Invalid(f"Port {id} not usable for instance {row.id}.")
    return await networks.given_port(compute, request.context, {"port": id, "tag": tag})


async def _only_network(compute: Compute, request: Request) -> str:
    try:
        found = await networks.default_networks(compute, request.context)
    except networks.Ambiguous as error:
        raise Invalid(error.text) from error
    if not found:
        raise NoNetwork(project=request.project_id)
    return found[0]


async def _check_address(compute: Compute, request: Request, network: dict[str, Any], address: str) -> None:
    """Raises Invalid for one that is of no subnet, Conflict for one in use."""
    subnets = (await networks.get(compute, request.context, "subnets", network_id=network["id"]))["subnets"]
    ip = ipaddress.ip_address(address)
    if not any(ip in ipaddress.ip_network(subnet["cidr"]) for subnet in subnets):
        raise Invalid(f"Fixed IP {address} is not a valid ip address for network {network['id']}.")
    try:
        await networks.check_free(compute, request.context, network["id"], address)
    except Invalid as error:
        raise Conflict(error.text) from error


async def forget(compute: Compute, request: Request, row: Instance, port_id: str) -> None:
    """The network service says that a port of the server is gone: unplug it, or leave it out at the next start."""
    try:
        await operate(compute, request, row, DETACH, data={"port_id": port_id}, even_locked=True)
    except WrongState:
        await details.swap(
            compute.db, row.id, "ports", lambda before: [one for one in before if one["id"] != port_id], now_us()
        )
