"""Queries of metering and of what routers do for ports."""

from collections.abc import Collection

from sqlalchemy import bindparam, func, select

from tinstack.core.db import prepared
from tinstack.network.server import rows_l3 as r
from tinstack.network.server import tables_l3 as t
from tinstack.network.server.store import Reader, Resource, all_in
from tinstack.network.server.tables import allocations

metering_labels = Resource(t.metering_labels, r.MeteringLabel)
metering_label_rules = Resource(t.metering_label_rules, r.MeteringLabelRule)
port_forwardings = Resource(t.port_forwardings, r.PortForwarding)
conntrack_helpers = Resource(t.conntrack_helpers, r.ConntrackHelper)
ndp_proxies = Resource(t.ndp_proxies, r.NdpProxy)

_PF, _CH = t.port_forwardings.c, t.conntrack_helpers.c

ALL_FORWARDINGS = port_forwardings.everything.order_by(_PF.created_at, _PF.id)
ALL_HELPERS = conntrack_helpers.everything.order_by(_CH.created_at, _CH.id)
FORWARDINGS_OF_PORT = prepared(
    port_forwardings.everything.where(_PF.internal_port_id == bindparam("port")).order_by(_PF.id)
)
FORWARDINGS_BEHIND = prepared(
    select(func.count())
    .select_from(
        t.port_forwardings.join(
            allocations, (allocations.c.port_id == _PF.internal_port_id) & (allocations.c.ip == _PF.internal_ip_address)
        )
    )
    .where(_PF.router_id == bindparam("router"), allocations.c.subnet_id == bindparam("subnet"))
)
DROP_HELPERS_OF_ROUTER = prepared(t.conntrack_helpers.delete().where(_CH.router_id == bindparam("router")))


async def forwardings_of(db: Reader, floatingip_ids: Collection[str]) -> dict[str, list[r.PortForwarding]]:
    """The port forwardings of several floating IPs."""
    found: dict[str, list[r.PortForwarding]] = {id: [] for id in floatingip_ids}
    for one in await all_in(db, ALL_FORWARDINGS, _PF.floatingip_id, floatingip_ids, r.PortForwarding):
        found[one.floatingip_id].append(one)
    return found


async def helpers_of(db: Reader, router_ids: Collection[str]) -> dict[str, list[r.ConntrackHelper]]:
    """The conntrack helpers of several routers."""
    found: dict[str, list[r.ConntrackHelper]] = {id: [] for id in router_ids}
    for one in await all_in(db, ALL_HELPERS, _CH.router_id, router_ids, r.ConntrackHelper):
        found[one.router_id].append(one)
    return found
