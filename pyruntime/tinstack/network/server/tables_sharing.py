"""Tables of what projects share with each other, and of trunks."""

from sqlalchemy import Column, Index, Integer, String, Table, Text

from tinstack.network.server.tables_base import ID, PROJECT, metadata, owned, standard

rbac_policies = owned(
    "rbac_policies",
    Column("object_type", String(32), nullable=False),
    Column("object_id", String(ID), nullable=False),
    Column("action", String(32), nullable=False),
    Column("target", String(255), nullable=False),
    Index("rbac_policies_same", "object_type", "object_id", "action", "target", unique=True),
    Index("rbac_policies_target", "target", "object_type"),
)
"""``target``: a project, or ``*``. ``shared`` of an object is 1 where a row shares it with ``*``, ``external`` of a network where
any makes it so; both are written in the transaction that changes this table."""

address_scopes = owned(
    "address_scopes",
    Column("name", String(255), nullable=False),
    Column("ip_version", Integer, nullable=False),
    Column("shared", Integer, nullable=False),
)

address_groups = standard(
    "address_groups",
    Column("addresses", Text, nullable=False),
    Column("shared", Integer, nullable=False),
)

qos_policies = standard(
    "qos_policies",
    Column("shared", Integer, nullable=False),
    Column("default_for", String(PROJECT)),
    Index("qos_policies_default", "default_for", unique=True),
)
"""``default_for``: the project whose default policy it is."""

qos_rules = owned(
    "qos_rules",
    Column("policy_id", String(ID), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("direction", String(16), nullable=False),
    Column("rate", Integer, nullable=False),
    Column("burst", Integer, nullable=False),
    Index("qos_rules_same", "policy_id", "kind", "direction", unique=True),
)
"""``rate``: what the kind limits, guarantees or marks; ``direction``: '' where the kind has none."""

trunks = standard(
    "trunks",
    Column("port_id", String(ID), nullable=False),
    Column("admin_state_up", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Index("trunks_port", "port_id", unique=True),
)

sub_ports = Table(
    "sub_ports",
    metadata,
    Column("port_id", String(ID), primary_key=True),
    Column("trunk_id", String(ID), nullable=False),
    Column("segmentation_type", String(16), nullable=False),
    Column("segmentation_id", Integer, nullable=False),
    Index("sub_ports_segment", "trunk_id", "segmentation_type", "segmentation_id", unique=True),
)
