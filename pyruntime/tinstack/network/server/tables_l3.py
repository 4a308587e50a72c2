"""Tables of metering and of what routers do for ports: port forwarding, conntrack helpers, NDP proxies."""

from sqlalchemy import Column, Index, Integer, String

from tinstack.network.server.tables_base import ID, standard

metering_labels = standard("metering_labels", Column("shared", Integer, nullable=False))

metering_label_rules = standard(
    "metering_label_rules",
    Column("metering_label_id", String(ID), nullable=False),
    Column("direction", String(16), nullable=False),
    Column("excluded", Integer, nullable=False),
    Column("remote_ip_prefix", String(64)),
    Column("source_ip_prefix", String(64)),
    Column("destination_ip_prefix", String(64)),
    Index("metering_label_rules_label", "metering_label_id"),
)

port_forwardings = standard(
    "port_forwardings",
    Column("floatingip_id", String(ID), nullable=False),
    Column("router_id", String(ID), nullable=False),
    Column("internal_port_id", String(ID), nullable=False),
    Column("internal_ip_address", String(45), nullable=False),
    Column("internal_start", Integer),
    Column("internal_end", Integer),
    Column("external_start", Integer),
    Column("external_end", Integer),
    Column("protocol", String(16), nullable=False),
    Index("port_forwardings_floatingip", "floatingip_id"),
    Index("port_forwardings_port", "internal_port_id"),
    Index("port_forwardings_router", "router_id"),
)

conntrack_helpers = standard(
    "conntrack_helpers",
    Column("router_id", String(ID), nullable=False),
    Column("protocol", String(16), nullable=False),
    Column("port", Integer, nullable=False),
    Column("helper", String(64), nullable=False),
    Index("conntrack_helpers_same", "router_id", "protocol", "port", "helper", unique=True),
)

ndp_proxies = standard(
    "ndp_proxies",
    Column("router_id", String(ID), nullable=False),
    Column("port_id", String(ID), nullable=False),
    Column("ip_address", String(45), nullable=False),
    Index("ndp_proxies_address", "router_id", "ip_address", unique=True),
    Index("ndp_proxies_port", "port_id"),
)
