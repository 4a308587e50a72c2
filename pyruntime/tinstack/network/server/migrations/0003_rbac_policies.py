"""RBAC policies; what is shared or external already has the policy that says so."""

from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OPEN = (
    ("network", "networks", "shared", "access_as_shared"),
    ("network", "networks", "external", "access_as_external"),
    ("subnetpool", "subnetpools", "shared", "access_as_shared"),
)


def upgrade() -> None:
    """Expand: old code must work with what this makes."""
    policies = op.create_table(
        "rbac_policies",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("object_type", sa.String(length=32), nullable=False),
        sa.Column("object_id", sa.String(length=36), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("rbac_policies_project", "rbac_policies", ["project_id", "id"], unique=False)
    op.create_index(
        "rbac_policies_same", "rbac_policies", ["object_type", "object_id", "action", "target"], unique=True
    )
    op.create_index("rbac_policies_target", "rbac_policies", ["target", "object_type"], unique=False)
    op.add_column("security_groups", sa.Column("shared", sa.Integer(), server_default="0", nullable=False))
    op.bulk_insert(
        policies, [row for kind, table, column, action in OPEN for row in _open(kind, table, column, action)]
    )


def _open(kind: str, table: str, column: str, action: str) -> list[dict[str, Any]]:
    there = sa.table(table, sa.column("id"), sa.column("project_id"), sa.column(column))
    rows = op.get_bind().execute(sa.select(there.c.id, there.c.project_id).where(there.c[column] == 1))
    return [
        {
            "id": str(uuid4()),
            "project_id": row.project_id,
            "revision_number": 1,
            "object_type": kind,
            "object_id": row.id,
            "action": action,
            "target": "*",
        }
        for row in rows
    ]
