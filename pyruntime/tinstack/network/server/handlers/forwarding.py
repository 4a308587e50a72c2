"""Port forwardings and conntrack helpers. Source: Network API reference, those sections."""

from typing import Any

from tinstack.network.server import forwarding, helpers, views_l3
from tinstack.network.server import lists_l3 as lists
from tinstack.network.server.errors import HTTPBadRequest
from tinstack.network.server.handlers import floatingips, routers
from tinstack.network.server.handlers.common import Body
from tinstack.network.server.handlers.plain import Noun, Parent, simply
from tinstack.network.server.rows_l3 import ConntrackHelper, PortForwarding
from tinstack.network.server.schemas.forwarding import FORWARDING, HELPER

LAST = 65535


def _columns(item: Body) -> dict[str, Any]:
    """``external_port`` or ``external_port_range`` as both ends; so with internal ones. Raises HTTPBadRequest."""
    values = dict(item)
    for side in ("external", "internal"):
        names = f"{side}_port", f"{side}_port_range"
        one, many = (values.pop(name, None) for name in names)
        if one is not None and many is not None:
            raise HTTPBadRequest(f"Invalid input: {names[0]} and {names[1]} can't be given both.")
        if one is not None:
            values[f"{side}_start"] = values[f"{side}_end"] = one
        elif many is not None:
            first, _, last = many.partition(":")
            values[f"{side}_start"], values[f"{side}_end"] = int(first), int(last or first)
            if not 1 <= int(first) <= LAST or not 1 <= int(last or first) <= LAST:
                raise HTTPBadRequest(f"Invalid input for {names[1]}. Reason: ports are from 1 to {LAST}.")
    if "internal_ip_address" in values:
        values["internal_ip_address"] = values["internal_ip_address"] or ""
    return values


FORWARDINGS = Noun(
    FORWARDING,
    forwarding.FORWARDINGS,
    lists.PORT_FORWARDINGS,
    new=lambda item: PortForwarding(**{"router_id": "", "internal_ip_address": "", **_columns(item)}),
    shows=simply(views_l3.port_forwarding),
    values=_columns,
    parent=Parent("floatingip_id", floatingips.found),
    rule="floatingip_port_forwarding",
    key="port_forwarding_id",
)
HELPERS = Noun(
    HELPER,
    helpers.HELPERS,
    lists.CONNTRACK_HELPERS,
    new=lambda item: ConntrackHelper(**item),
    shows=simply(views_l3.conntrack_helper),
    parent=Parent("router_id", routers.found),
    rule="router_conntrack_helper",
    key="conntrack_helper_id",
)
