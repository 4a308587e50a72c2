"""Subnets. Source: Network API reference, Subnets."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import msgspec

from tinstack.core.http import Request
from tinstack.network.server import cidrs, lists, store, subnetpools, views
from tinstack.network.server.bodies import authorize_attributes
from tinstack.network.server.errors import HTTPBadRequest, LaunchTokenForbidden, SubnetNotFound, SubnetPoolNotFound
from tinstack.network.server.handlers import networks
from tinstack.network.server.handlers.common import Body, allowed, listed, network_target, shared_target, shown, visible
from tinstack.network.server.parts import Parts
from tinstack.network.server.revisions import expected
from tinstack.network.server.rows import Pool, Route, Subnet
from tinstack.network.server.schemas.subnets import SUBNET
from tinstack.network.server.subnetpools import Asked


async def found(request: Request, parts: Parts, id: str) -> tuple[Subnet, Body]:
    """A subnet that the caller sees, with its policy target. Raises SubnetNotFound."""
    row = await store.subnets.get(parts.db, id)
    missing = SubnetNotFound(id=id)
    if row is None:
        raise missing
    on = await network_target(request, parts.db, row, row.network_id)
    visible(request, "get_subnet", on, missing)
    return row, on


async def _show(request: Request, parts: Parts, rows: Sequence[Subnet]) -> list[Body]:
    networks_ = await store.by_ids(parts.db, store.networks, (row.network_id for row in rows))
    external = {id for id, network in networks_.items() if network.external}
    return [views.subnet(row, external=row.network_id in external) for row in rows]


async def index(request: Request, parts: Parts) -> Body:
    """Own subnets and those of shared networks."""
    return await listed(request, parts, "subnets", lists.SUBNETS, _show)


async def show(request: Request, parts: Parts) -> Body:
    """One subnet; to a host, one of the networks of its launch token's ports."""
    id = request.path["id"]
    launch = request.context.launch
    if launch is not None:
        ports = await store.by_ids(parts.db, store.ports, launch.ports)
        row = await store.subnets.get(parts.db, id)
        if row is None or all(port.network_id != row.network_id for port in ports.values()):
            raise LaunchTokenForbidden(why=f"none of its ports is on the subnet {id}")
        request.authorized = True
    else:
        row, _ = await found(request, parts, id)
    return shown(request, "subnet", (await _show(request, parts, [row]))[0])


def _values(item: Body) -> dict[str, Any]:
    """Attributes as columns; a null list is an empty one."""
    values = dict(item)
    for name, kind in (("allocation_pools", Pool), ("host_routes", Route)):
        if name in values:
            values[name] = msgspec.convert(values[name] or [], list[kind])  # type: ignore[valid-type]
    if "dns_nameservers" in values:
        values["dns_nameservers"] = values["dns_nameservers"] or []
    return values


async def _pool(request: Request, parts: Parts, item: Body) -> str | None:
    """The pool that the subnet is cut from. Raises SubnetPoolNotFound, HTTPBadRequest."""
    default = item.pop("use_default_subnetpool", False)
    id: str | None = item.pop("subnetpool_id", None)
    if default:
        if id:
            raise HTTPBadRequest("subnetpool_id and use_default_subnetpool cannot both be specified")
        pool = await subnetpools.default_pool(parts.changes, item["ip_version"])
        if pool is None:
            raise HTTPBadRequest(f"No default subnetpool found for IPv{item['ip_version']}")
        return pool.id
    if id:
        pool = await store.subnetpools.get(parts.db, id)
        if pool is None:
            raise SubnetPoolNotFound(id=id)
        on = await shared_target(request, parts.db, "subnetpool", pool)
        visible(request, "get_subnetpool", on, SubnetPoolNotFound(id=id))
        if pool.ip_version != item["ip_version"]:
            raise HTTPBadRequest(
                f"Cannot allocate IPv{item['ip_version']} subnet from IPv{pool.ip_version} subnet pool"
            )
    return id


async def _asked(request: Request, parts: Parts, item: Body) -> Asked:
    network = await networks.found(request, parts, item["network_id"])
    project = {"project_id": item["project_id"], "tenant_id": item["project_id"]}
    on = await network_target(request, parts.db, None, network.id, **project)
    request.authorize("create_subnet", on)
    authorize_attributes(request, "create_subnet", item, on, {"service_types": []})
    pool = await _pool(request, parts, item)
    prefixlen, cidr = item.pop("prefixlen", None), item.pop("cidr", None) or ""
    if cidr and prefixlen is not None:
        raise HTTPBadRequest("cidr and prefixlen must not be supplied together")
    if not cidr and pool is None:
        raise HTTPBadRequest("Bad subnets request: a subnetpool must be specified in the absence of a cidr.")
    if cidr:
        cidrs.parse(cidr, item["ip_version"])
    has_pools = item.get("allocation_pools") is not None
    return Asked(
        subnet=Subnet(id=str(uuid4()), cidr=cidr, subnetpool_id=pool, **_values(item)),
        gateway="gateway_ip" not in item,
        has_pools=has_pools,
        prefixlen=prefixlen,
    )


async def create(request: Request, parts: Parts) -> Body:
    """One subnet or several."""
    items, bulk = SUBNET.created(request)
    asked = [await _asked(request, parts, item) for item in items]
    made = await parts.subnets.create(asked)
    return SUBNET.answer(await _show(request, parts, made), bulk=bulk)


async def update(request: Request, parts: Parts) -> Body:
    """Change attributes."""
    row, on = await found(request, parts, request.path["id"])
    item = SUBNET.updated(request)
    request.authorize("update_subnet", on)
    authorize_attributes(request, "update_subnet", item, on, {})
    changed = await parts.subnets.update(row.id, _values(item), expected(request))
    return {"subnet": (await _show(request, parts, [changed]))[0]}


async def delete(request: Request, parts: Parts) -> None:
    """Remove a subnet that no port uses."""
    row, on = await found(request, parts, request.path["id"])
    allowed(request, "delete", "subnet", on, SubnetNotFound(id=row.id))
    await parts.subnets.delete(row.id, expected(request))
