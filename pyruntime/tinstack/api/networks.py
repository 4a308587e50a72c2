"""Networks, ports and security groups that a request names, asked of the network service with the user's own token."""

from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import msgspec

from tinstack.api.errors import Invalid
from tinstack.api.parts import Compute
from tinstack.api.user_calls import ask
from tinstack.computedb.rows import Instance
from tinstack.conductor.rpc import RequestedPort
from tinstack.core.client import RemoteError
from tinstack.core.context import Context
from tinstack.core.errors import Conflict, Forbidden, NotFound

DEFAULT_GROUP = "default"


class NetworkNotFound(Invalid):
    """400: the project sees no such network."""

    code, message = "compute.network.not_found", "Network {id} could not be found."


class PortNotFound(Invalid):
    """400: the project sees no such port."""

    code, message = "compute.port.not_found", "Port {id} could not be found."


class Ambiguous(Conflict):
    """409: several networks (or groups of one name) would do."""

    code = "compute.network.ambiguous"


class NetworkPlan(msgspec.Struct, kw_only=True):
    """What each server of a request gets. ``given``: ports of the user's own (one server only)."""

    networks: list[RequestedPort]
    group_names: list[str]

    def ports(self) -> list[RequestedPort]:
        """Ports for one more server, with ids chosen now."""
        return [msgspec.structs.replace(port, id=str(uuid4())) if port.ours else port for port in self.networks]


async def get(compute: Compute, context: Context, path: str, **query: str) -> Any:
    """What the network service has at ``path``, as the user sees it."""
    text = f"?{urlencode(query)}" if query else ""
    return (await ask(compute, context, "GET", "network", f"/v2.0/{path}{text}")).json()


async def plan(
    compute: Compute, context: Context, asked: Any, groups: list[dict[str, str]] | None, count: int
) -> NetworkPlan:
    """``asked``: the body's ``networks`` (a list, "auto", "none" or None); ``groups``: its ``security_groups``.

    Raises Invalid (400), Ambiguous and PortInUse (409), Forbidden (403).
    """
    names = list(dict.fromkeys(group.get("name", DEFAULT_GROUP) for group in groups or [])) or [DEFAULT_GROUP]
    ids = await _group_ids(compute, context, names)
    if asked == "none":
        ports: list[RequestedPort] = []
    elif not asked or asked == "auto":
        ports = await _default(compute, context, ids, must=asked == "auto")
    else:
        ports = await _named(compute, context, asked, ids, count)
    return NetworkPlan(networks=ports, group_names=names)


async def _default(compute: Compute, context: Context, groups: list[str], *, must: bool) -> list[RequestedPort]:
    """The project's only network, else the only shared one."""
    usable = await default_networks(compute, context)
    if not usable and must:
        raise Invalid("Unable to automatically allocate a network for project: it has none.")
    return [RequestedPort(id="", network_id=id, ours=True, security_groups=groups) for id in usable]


async def default_networks(compute: Compute, context: Context) -> list[str]:
    """The network that a server of the project gets where none is named: one, or none. Raises Ambiguous."""
    project = context.project_id or ""
    found = (await get(compute, context, "networks", project_id=project, shared="False"))["networks"]
    found += (await get(compute, context, "networks", shared="True"))["networks"]
    usable = {one["id"]: one for one in found if one.get("subnets") and not one.get("router:external")}
    if len(usable) > 1:
        raise Ambiguous("Multiple possible networks found, use a Network ID to be more specific.")
    return list(usable)


async def _named(
    compute: Compute, context: Context, asked: list[dict[str, Any]], groups: list[str], count: int
) -> list[RequestedPort]:
    ports = []
    known: dict[str, Any] = {}
    for one in asked:
        if one.get("port"):
            if one.get("fixed_ip"):
                raise Invalid("Specified Fixed IP Address cannot be used with port: the port has its own.")
            if count > 1:
                raise Invalid("Unable to launch multiple instances with a single configured port ID.")
            ports.append(await given_port(compute, context, one))
        elif one.get("uuid"):
            ports.append(await _new_port(compute, context, one, groups, count, known))
        else:
            raise Invalid("Bad network format: missing 'uuid'")
    if len({port.id for port in ports if not port.ours}) < sum(not port.ours for port in ports):
        raise Invalid("A port is named twice.")
    return ports


async def given_port(compute: Compute, context: Context, one: dict[str, Any]) -> RequestedPort:
    """A port of the user's own (``port``, ``tag``) that is free. Raises PortNotFound, Conflict, Invalid."""
    id = one["port"]
    port = await find_port(compute, context, id)
    if port.get("device_id"):
        raise Conflict(f"Port {id} is still in use.")
    if not port.get("fixed_ips") and port.get("ip_allocation") not in ("none", "deferred"):
        raise Invalid(f"Port {id} requires a FixedIP in order to be used.")
    address = next((fixed["ip_address"] for fixed in port.get("fixed_ips", [])), None)
    return RequestedPort(id=id, network_id=port["network_id"], ours=False, fixed_ip=address, tag=one.get("tag"))


async def find_port(compute: Compute, context: Context, id: str) -> Any:
    """A port that the caller sees. Raises PortNotFound."""
    try:
        return (await get(compute, context, f"ports/{quote(id)}"))["port"]
    except RemoteError as error:
        if error.remote_status in (403, 404):
            raise PortNotFound(id=id) from error
        raise


async def find_network(compute: Compute, context: Context, id: str) -> Any:
    """A network that the caller sees and may attach servers to. Raises NetworkNotFound, Invalid, Forbidden."""
    try:
        network = (await get(compute, context, f"networks/{quote(id)}"))["network"]
    except RemoteError as error:
        if error.remote_status in (403, 404):
            raise NetworkNotFound(id=id) from error
        raise
    if not network.get("subnets"):
        raise Invalid(f"Network {id} requires a subnet in order to boot instances on.")
    if network.get("router:external") and not context.is_admin and not network.get("shared"):
        raise Forbidden(f"It is not allowed to create an interface on external network {id}")
    return network


async def _new_port(
    compute: Compute, context: Context, one: dict[str, Any], groups: list[str], count: int, known: dict[str, Any]
) -> RequestedPort:
    id, address = one["uuid"], one.get("fixed_ip")
    if id not in known:
        known[id] = await find_network(compute, context, id)
    if address:
        if count > 1:
            raise Invalid("Invalid fixed IP: it can be given to one server only.")
        await check_free(compute, context, id, address)
    return RequestedPort(id="", network_id=id, ours=True, fixed_ip=address, tag=one.get("tag"), security_groups=groups)


async def check_free(compute: Compute, context: Context, network_id: str, address: str) -> None:
    """Raises Invalid where a port has that address."""
    query = {"network_id": network_id, "fixed_ips": f"ip_address={address}"}
    if (await get(compute, context, "ports", **query))["ports"]:
        raise Invalid(f"Fixed IP address {address} is already in use on instance.")


async def _group_ids(compute: Compute, context: Context, names: list[str]) -> list[str]:
    """Ids of security groups named by id or name; none for the default alone, which the network service gives itself."""
    if names == [DEFAULT_GROUP]:
        return []
    return [(await find_group(compute, context, name))["id"] for name in names]


async def find_group(compute: Compute, context: Context, name: str) -> Any:
    """A security group of the project, by id or name. Raises Invalid, Ambiguous."""
    own = {"project_id": context.project_id or ""}
    found = (await get(compute, context, "security-groups", **own, id=name))["security_groups"]
    if not found:
        found = (await get(compute, context, "security-groups", **own, name=name))["security_groups"]
    if not found:
        raise Invalid(f"Unable to find security_group with name or id '{name}'")
    if len(found) > 1:
        raise Ambiguous(f"Multiple security groups found matching '{name}'. Use an ID to be more specific.")
    return found[0]


async def ports_of_server(compute: Compute, context: Context, server_id: str) -> list[Any]:
    """The ports that the network service knows for a server."""
    ports: list[Any] = (await get(compute, context, "ports", device_id=server_id))["ports"]
    return ports


async def groups_of_server(compute: Compute, context: Context, row: Instance) -> list[dict[str, Any]]:
    """The security groups of a server's ports, in the compute API's old form."""
    wanted = {id for port in await ports_of_server(compute, context, row.id) for id in port.get("security_groups", [])}
    found = (await get(compute, context, "security-groups", project_id=row.project_id))["security_groups"]
    return [old_form(group) for group in found if group["id"] in wanted]


def old_form(group: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": group["id"],
        "name": group["name"],
        "description": group.get("description") or "",
        "tenant_id": group.get("project_id") or group.get("tenant_id"),
        "rules": [
            old_rule(rule) for rule in group.get("security_group_rules", []) if rule.get("direction") == "ingress"
        ],
    }


def old_rule(rule: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": rule["id"],
        "parent_group_id": rule["security_group_id"],
        "ip_protocol": rule.get("protocol"),
        "from_port": rule.get("port_range_min"),
        "to_port": rule.get("port_range_max"),
        "group": {},
        "ip_range": {},
    }
    if rule.get("remote_group_id"):
        shown["group"] = {"tenant_id": rule.get("project_id") or "", "name": rule["remote_group_id"]}
    else:
        shown["ip_range"] = {"cidr": rule.get("remote_ip_prefix") or "0.0.0.0/0"}
    return shown


async def change_group(compute: Compute, context: Context, row: Instance, name: str, *, add: bool) -> str:
    """Add a group to every port of a server, or take it away; the group's name. Raises Invalid, NotFound."""
    try:
        group = await find_group(compute, context, name)
    except Invalid as error:
        raise NotFound(error.text) from error
    touched = False
    for port in await ports_of_server(compute, context, row.id):
        now = port.get("security_groups", [])
        if (group["id"] in now) == add:
            continue
        after = [*now, group["id"]] if add else [one for one in now if one != group["id"]]
        await ask(
            compute, context, "PUT", "network", f"/v2.0/ports/{port['id']}", json={"port": {"security_groups": after}}
        )
        touched = True
    if not add and not touched:
        raise NotFound(f"Security group {name} not associated with the instance {row.id}")
    return str(group["name"])
