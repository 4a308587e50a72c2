"""Tables of what projects share with each other."""

from sqlalchemy import Column, Index, String

from tinstack.network.server.tables_base import ID, owned

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
