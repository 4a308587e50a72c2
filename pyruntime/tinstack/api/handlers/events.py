"""External events: what other services tell of servers. Source: compute API reference, "Run Events"."""

from tinstack.api import interfaces, volumes
from tinstack.api.parts import Compute
from tinstack.api.views import Body
from tinstack.compute import rpc as compute_rpc
from tinstack.computedb import instances
from tinstack.computedb.rows import Instance
from tinstack.conductor import rpc as conductor
from tinstack.core.errors import NotFound
from tinstack.core.http import Request, Response

FOR_THE_CACHE = {"network-changed", "network-vif-unplugged", "network-vif-deleted"}
"""Events after which a server's addresses are looked up again. Plugging changes none: who asked for it looks when it is done."""

FOR_THE_HOST = {"network-vif-plugged", "network-vif-unplugged", "network-vif-deleted"}


async def create(request: Request, service: Compute) -> Response:
    """``POST /os-server-external-events``: 200, or 207 where some of the servers are not there."""
    rows: dict[str, Instance | None] = {}
    shown: list[Body] = []
    for event in request.body["events"]:
        id = event["server_uuid"]
        if id not in rows:
            rows[id] = await instances.get(service.db, id)
        shown.append({**event, **await _take(request, service, event, rows[id])})
    if all(event["code"] == 404 for event in shown):
        raise NotFound("No instances found for any event")
    return Response(200 if all(event["code"] == 200 for event in shown) else 207, {"events": shown})


async def _take(request: Request, service: Compute, event: Body, row: Instance | None) -> Body:
    """Pass an event on; its status and code."""
    if row is None:
        return {"status": "failed", "code": 404}
    name, tag = event["name"], event.get("tag", "")
    status = event.get("status", "completed")
    if row.host is not None and name in FOR_THE_HOST:
        told = compute_rpc.ServerEvent(server_id=row.id, name=name, tag=tag, status=status)
        await service.bus.cast(compute_rpc.topic(row.host), told)
    if name == "network-vif-deleted" and tag in {port.id for port in row.ports}:
        service.background.start(interfaces.forget(service, request, row, tag), f"unplugging port {tag}")
    if name == "volume-extended" and row.host is not None and tag in {one.volume_id for one in row.volumes}:
        service.background.start(volumes.extended(service, request, row, tag), f"extending volume {tag}")
    if name in FOR_THE_CACHE:
        await service.bus.cast(conductor.TOPIC, conductor.NetworkChanged(server_id=row.id))
    if row.host is None and name != "network-changed":
        return {"status": "failed", "code": 422}
    return {"status": status, "code": 200}
