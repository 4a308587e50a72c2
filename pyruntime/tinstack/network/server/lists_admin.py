"""What the lists of things that operators set up may be filtered and sorted by."""

from sqlalchemy import true

from tinstack.network.server import store_admin as store
from tinstack.network.server import tables_admin as t
from tinstack.network.server.listing import Attribute, Listing

_F, _P, _D, _N = t.flavors.c, t.service_profiles.c, t.default_rules.c, t.network_segments.c

FLAVORS = Listing(
    store.flavors,
    "/v2.0/flavors",
    true,
    {"service_type": Attribute(_F.service_type), "enabled": Attribute(_F.enabled, "bool")},
)

SERVICE_PROFILES = Listing(
    store.service_profiles,
    "/v2.0/service_profiles",
    true,
    {
        "driver": Attribute(_P.driver),
        "metainfo": Attribute(_P.metainfo),
        "enabled": Attribute(_P.enabled, "bool"),
    },
)

DEFAULT_RULES = Listing(
    store.default_rules,
    "/v2.0/default-security-group-rules",
    true,
    {
        "direction": Attribute(_D.direction),
        "ethertype": Attribute(_D.ethertype),
        "protocol": Attribute(_D.protocol, nullable=True),
        "port_range_min": Attribute(_D.port_range_min, "int", nullable=True),
        "port_range_max": Attribute(_D.port_range_max, "int", nullable=True),
        "remote_ip_prefix": Attribute(_D.remote_ip_prefix, nullable=True),
        "remote_group_id": Attribute(_D.remote_group_id, nullable=True),
        "remote_address_group_id": Attribute(_D.remote_address_group_id, nullable=True),
        "used_in_default_sg": Attribute(_D.used_in_default_sg, "bool"),
        "used_in_non_default_sg": Attribute(_D.used_in_non_default_sg, "bool"),
    },
)

SEGMENTS = Listing(
    store.network_segments,
    "/v2.0/segments",
    true,
    {
        "network_id": Attribute(_N.network_id),
        "network_type": Attribute(_N.network_type),
        "physical_network": Attribute(_N.physical_network, nullable=True),
        "segmentation_id": Attribute(_N.segmentation_id, "int", nullable=True),
    },
)

LOGS = Listing(
    store.logs,
    "/v2.0/log/logs",
    true,
    {
        "resource_type": Attribute(t.logs.c.resource_type),
        "resource_id": Attribute(t.logs.c.resource_id, nullable=True),
        "target_id": Attribute(t.logs.c.target_id, nullable=True),
        "event": Attribute(t.logs.c.event),
        "enabled": Attribute(t.logs.c.enabled, "bool"),
    },
)
