"""NDP proxies. Source: Network API reference, NDP proxy."""

from ipaddress import ip_address

from tinstack.core.http import Request
from tinstack.network.server import lists_l3 as lists
from tinstack.network.server import ndp, store, views_l3
from tinstack.network.server.errors import RouterNotFound
from tinstack.network.server.handlers import ports
from tinstack.network.server.handlers.common import Body, target, visible
from tinstack.network.server.handlers.plain import Noun, simply
from tinstack.network.server.parts import Parts
from tinstack.network.server.rows_l3 import NdpProxy
from tinstack.network.server.schemas.ndp import PROXY


def _new(item: Body) -> NdpProxy:
    given = item.get("ip_address")
    return NdpProxy(**{**item, "ip_address": str(ip_address(given)) if given else ""})


PROXIES = Noun(
    PROXY,
    ndp.PROXIES,
    lists.NDP_PROXIES,
    new=_new,
    shows=simply(views_l3.ndp_proxy),
)


async def create(request: Request, parts: Parts) -> Body:
    """For a router and a port that the caller sees."""
    for item in PROXY.created(request)[0]:
        router = await store.routers.get(parts.db, item["router_id"])
        if router is None:
            raise RouterNotFound(id=item["router_id"])
        visible(request, "get_router", target(router), RouterNotFound(id=router.id))
        await ports.found(request, parts, item["port_id"])
    return await PROXIES.create(request, parts)
