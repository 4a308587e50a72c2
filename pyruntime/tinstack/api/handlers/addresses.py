"""Addresses of a server's ports, up to 2.43. Source: compute API reference, "Servers - run an action (addFixedIp …)"."""

from tinstack.api import floating_ips, networks
from tinstack.api.errors import Invalid
from tinstack.api.handlers.servers import visible
from tinstack.api.operations import check_unlocked
from tinstack.api.parts import Compute
from tinstack.api.views import Body
from tinstack.computedb.rows import Instance
from tinstack.computedb.store import WrongState
from tinstack.core.client import RemoteError
from tinstack.core.errors import Conflict, NotFound
from tinstack.core.http import Request

STATES = ("active", "paused", "suspended", "stopped")


class NotItsAddress(Conflict):
    """409: the floating IP leads elsewhere, or nowhere."""

    code, message = "compute.floating_ip.not_its", "Floating IP {address} is not associated with instance {id}."


async def _server(request: Request, service: Compute, rule: str, verb: str) -> Instance:
    row = await visible(request, service, rule)
    check_unlocked(request, row)
    if row.vm_state not in STATES:
        raise WrongState(verb=verb, id=row.id, attribute="vm_state", state=row.vm_state)
    return row


async def _ports(service: Compute, row: Instance) -> list[Body]:
    answer = await service.session.request("GET", "network", f"/v2.0/ports?device_id={row.id}")
    found: list[Body] = answer.json()["ports"]
    return found


async def _set(service: Compute, port: Body, fixed_ips: list[Body]) -> None:
    try:
        await service.session.request(
            "PUT", "network", f"/v2.0/ports/{port['id']}", json={"port": {"fixed_ips": fixed_ips}}
        )
    except RemoteError as error:
        if error.remote_status < 500:
            raise Invalid(error.text) from error
        raise


async def add_fixed(request: Request, service: Compute) -> None:
    """``addFixedIp``: one more address for the server's port on that network."""
    row = await _server(request, service, "os-multinic:add", "add_fixed_ip")
    network_id = str(request.body["addFixedIp"]["networkId"])
    for port in await _ports(service, row):
        if port["network_id"] == network_id:
            network = await networks.get(service, request.context, "subnets", network_id=network_id)
            used = {one["subnet_id"] for one in port["fixed_ips"]}
            subnets = sorted(network["subnets"], key=lambda one: (one["id"] not in used, one["ip_version"], one["id"]))
            if not subnets:
                raise Invalid(f"Zero fixed ips could be found on network {network_id}.")
            await _set(service, port, [*port["fixed_ips"], {"subnet_id": subnets[0]["id"]}])
            return
    raise NotFound(f"Network could not be found for instance {row.id}.")


async def remove_fixed(request: Request, service: Compute) -> None:
    """``removeFixedIp``."""
    row = await _server(request, service, "os-multinic:remove", "remove_fixed_ip")
    address = request.body["removeFixedIp"]["address"]
    for port in await _ports(service, row):
        rest = [one for one in port["fixed_ips"] if one["ip_address"] != address]
        if len(rest) < len(port["fixed_ips"]):
            await _set(service, port, rest)
            return
    raise Invalid(f"Fixed IP address {address} not found for instance {row.id}.")


async def add_floating(request: Request, service: Compute) -> None:
    """``addFloatingIp``: to the first address (of IPv4) of the server, or the one that is named."""
    row = await _server(request, service, "os-floating-ips:add", "associate_floating_ip")
    wanted = request.body["addFloatingIp"]
    fixed = [(port["id"], one["ip_address"]) for port in await _ports(service, row) for one in port["fixed_ips"]]
    usable = [(port_id, ip) for port_id, ip in fixed if ":" not in ip]
    if not usable:
        raise Invalid("No fixed IPs associated to instance")
    if "fixed_address" in wanted:
        usable = [(port_id, ip) for port_id, ip in fixed if ip == wanted["fixed_address"]]
        if not usable:
            raise Invalid("Specified fixed address not assigned to instance")
    port_id, ip = usable[0]
    floating = await floating_ips.by_address(service, request.context, wanted["address"])
    try:
        await floating_ips.associate(service, request.context, floating["id"], port_id, ip)
    except Conflict as error:
        raise Invalid(error.text) from error


async def remove_floating(request: Request, service: Compute) -> None:
    """``removeFloatingIp``."""
    row = await _server(request, service, "os-floating-ips:remove", "disassociate_floating_ip")
    address = request.body["removeFloatingIp"]["address"]
    floating = await floating_ips.by_address(service, request.context, address)
    if floating.get("port_id") not in {port["id"] for port in await _ports(service, row)}:
        raise NotItsAddress(address=address, id=row.id)
    await floating_ips.associate(service, request.context, floating["id"], None, None)
