"""What the lists of metering and of what routers do for ports may be filtered and sorted by."""

from sqlalchemy import or_

from tinstack.network.server import store_l3 as store
from tinstack.network.server import tables_l3 as t
from tinstack.network.server.listing import Attribute, Listing
from tinstack.network.server.lists import mine, own

_ML, _MR, _PF, _CH = t.metering_labels.c, t.metering_label_rules.c, t.port_forwardings.c, t.conntrack_helpers.c

METERING_LABELS = Listing(
    store.metering_labels,
    "/v2.0/metering/metering-labels",
    lambda: or_(mine(_ML.project_id), _ML.shared == 1),
    {"shared": Attribute(_ML.shared, "bool")},
)

METERING_LABEL_RULES = Listing(
    store.metering_label_rules,
    "/v2.0/metering/metering-label-rules",
    own(_MR.project_id),
    {
        "metering_label_id": Attribute(_MR.metering_label_id),
        "direction": Attribute(_MR.direction),
        "excluded": Attribute(_MR.excluded, "bool"),
        "remote_ip_prefix": Attribute(_MR.remote_ip_prefix, nullable=True),
        "source_ip_prefix": Attribute(_MR.source_ip_prefix, nullable=True),
        "destination_ip_prefix": Attribute(_MR.destination_ip_prefix, nullable=True),
    },
)

PORT_FORWARDINGS = Listing(
    store.port_forwardings,
    "/v2.0/floatingips/{id}/port_forwardings",
    own(_PF.project_id),
    {
        "floatingip_id": Attribute(_PF.floatingip_id),
        "protocol": Attribute(_PF.protocol),
        "internal_port_id": Attribute(_PF.internal_port_id),
        "internal_ip_address": Attribute(_PF.internal_ip_address, "ip"),
        "internal_port": Attribute(_PF.internal_start, "int", nullable=True),
        "external_port": Attribute(_PF.external_start, "int", nullable=True),
    },
)

CONNTRACK_HELPERS = Listing(
    store.conntrack_helpers,
    "/v2.0/routers/{id}/conntrack_helpers",
    own(_CH.project_id),
    {
        "router_id": Attribute(_CH.router_id),
        "protocol": Attribute(_CH.protocol),
        "port": Attribute(_CH.port, "int"),
        "helper": Attribute(_CH.helper),
    },
)

NDP_PROXIES = Listing(
    store.ndp_proxies,
    "/v2.0/ndp_proxies",
    own(t.ndp_proxies.c.project_id),
    {
        "router_id": Attribute(t.ndp_proxies.c.router_id),
        "port_id": Attribute(t.ndp_proxies.c.port_id),
        "ip_address": Attribute(t.ndp_proxies.c.ip_address, "ip"),
    },
)
