"""Servers: list, show, update, delete. Source: compute API reference, "Servers"."""

from typing import Any

from tinstack.api import networks
from tinstack.api.filters import listing_of
from tinstack.api.hosts import fleet_of
from tinstack.api.names import canonical
from tinstack.api.parts import Compute
from tinstack.api.views import API, Body
from tinstack.api.views.servers import ServerView, addresses
from tinstack.computedb import details, instances
from tinstack.computedb.instances import ServerNotFound
from tinstack.computedb.rows import Instance
from tinstack.core.clock import now_us
from tinstack.core.errors import NotFound
from tinstack.core.http import Page, Request
from tinstack.core.http.paging import next_link

DETAIL_RULE = "os_compute_api:servers:detail"


async def visible(request: Request, service: Compute, rule: str) -> Instance:
    """The server in the path: 404 unless it is there and the caller's project's (admin: anyone's), then the policy, 403."""
    id = request.path["server_id"]
    row = await instances.get(service.db, id)
    if row is None or request.visible_project() not in (None, row.project_id):
        request.authorized = True
        raise ServerNotFound(id=id)
    request.authorize(f"os_compute_api:{rule}", {"project_id": row.project_id, "user_id": row.user_id})
    return row


async def view_of(request: Request, service: Compute) -> ServerView:
    """The view, with the hosts' states where this caller sees them."""
    view = ServerView(request)
    if view.host_status:
        view.hosts = (await fleet_of(service)).statuses()
    return view


def _with_links(request: Request, rows: list[Any], page: Page, shown: list[Body], path: str) -> Body:
    body: Body = {"servers": shown}
    more = next_link(request, f"{API}{path}", rows, page, lambda row: str(row.id))
    if more:
        body["servers_links"] = more
    return body


async def index(request: Request, service: Compute) -> Body:
    """``GET /servers``."""
    wanted, page = await listing_of(request, service, "index")
    if wanted is None:
        return {"servers": []}
    rows = await instances.page(service.db, wanted)
    view = ServerView(request)
    return _with_links(request, rows, page, [view.brief(row) for row in rows], "/servers")


async def detail(request: Request, service: Compute) -> Body:
    """``GET /servers/detail``: one query."""
    wanted, page = await listing_of(request, service, "detail")
    if wanted is None:
        return {"servers": []}
    rows = await instances.page(service.db, wanted)
    view = await view_of(request, service)
    return _with_links(request, rows, page, [view.detail(row) for row in rows], "/servers/detail")


async def show(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}``."""
    row = await visible(request, service, "servers:show")
    return {"server": (await view_of(request, service)).show(row)}


async def update(request: Request, service: Compute) -> Body:
    """``PUT /servers/{id}``."""
    row = await visible(request, service, "servers:update")
    wanted = request.body["server"]
    columns: dict[str, Any] = {}
    if "name" in wanted:
        columns["name"] = wanted["name"].strip()
    for key, column in (("accessIPv4", "access_ip_v4"), ("accessIPv6", "access_ip_v6")):
        if key in wanted:
            columns[column] = canonical(wanted[key])
    if "OS-DCF:diskConfig" in wanted:
        columns["disk_config"] = wanted["OS-DCF:diskConfig"]
    for key in ("description", "hostname"):
        if key in wanted:
            columns[key] = wanted[key]
    now = now_us()
    if columns and not await details.set_columns(service.db, row.id, now, **columns):
        raise ServerNotFound(id=row.id)
    changed = details.shown_after(row, now, **columns) if columns else row
    return {"server": (await view_of(request, service)).changed(changed)}


async def ips(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/ips``."""
    return {"addresses": addresses(await visible(request, service, "ips:index"), plain=True)}


async def ips_of_network(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/ips/{network}``."""
    found = addresses(await visible(request, service, "ips:show"), plain=True)
    name = request.path["network"]
    if name not in found:
        raise NotFound("Instance is not a member of specified network")
    return {name: found[name]}


async def security_groups(request: Request, service: Compute) -> Body:
    """``GET /servers/{id}/os-security-groups``: the network service's groups of the server's ports."""
    row = await visible(request, service, "os-security-groups:list")
    return {"security_groups": await networks.groups_of_server(service, request.context, row)}
