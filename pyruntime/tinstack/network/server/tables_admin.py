"""Tables of what operators set up for all projects: flavors, service profiles, default rules, ranges of segments."""

from sqlalchemy import Column, Index, Integer, String, Table, Text

from tinstack.network.server.tables_base import ID, PROJECT, metadata, standard

flavors = standard(
    "flavors",
    Column("service_type", String(36), nullable=False),
    Column("enabled", Integer, nullable=False),
)

service_profiles = standard(
    "service_profiles",
    Column("driver", String(1024), nullable=False),
    Column("metainfo", Text, nullable=False),
    Column("enabled", Integer, nullable=False),
)

flavor_profiles = Table(
    "flavor_profiles",
    metadata,
    Column("flavor_id", String(ID), primary_key=True),
    Column("profile_id", String(ID), primary_key=True),
    Index("flavor_profiles_profile", "profile_id"),
)

default_rules = standard(
    "default_security_group_rules",
    Column("direction", String(16), nullable=False),
    Column("ethertype", String(8), nullable=False),
    Column("protocol", String(32)),
    Column("port_range_min", Integer),
    Column("port_range_max", Integer),
    Column("remote_ip_prefix", String(64)),
    Column("remote_group_id", String(ID)),
    Column("remote_address_group_id", String(ID)),
    Column("used_in_default_sg", Integer, nullable=False),
    Column("used_in_non_default_sg", Integer, nullable=False),
)

segment_ranges = standard(
    "network_segment_ranges",
    Column("shared", Integer, nullable=False),
    Column("network_type", String(16), nullable=False),
    Column("physical_network", String(64), nullable=False),
    Column("minimum", Integer, nullable=False),
    Column("maximum", Integer, nullable=False),
)

topologies = Table(
    "auto_allocated_topologies",
    metadata,
    Column("project_id", String(PROJECT), primary_key=True),
    Column("network_id", String(ID), nullable=False),
    Column("router_id", String(ID), nullable=False),
)
"""What was made for a project that asked for a network; ids before effects."""

network_segments = standard(
    "network_segments",
    Column("network_id", String(ID), nullable=False),
    Column("network_type", String(16), nullable=False),
    Column("physical_network", String(64)),
    Column("segmentation_id", Integer),
    Index("network_segments_network", "network_id"),
)

logs = standard(
    "logs",
    Column("resource_type", String(64), nullable=False),
    Column("resource_id", String(ID)),
    Column("target_id", String(ID)),
    Column("event", String(16), nullable=False),
    Column("enabled", Integer, nullable=False),
    Index("logs_resource", "resource_id"),
    Index("logs_target", "target_id"),
)
