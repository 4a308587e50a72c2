"""segments of networks."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: old code must work with what this makes."""
    op.create_table(
        "network_segments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("network_id", sa.String(length=36), nullable=False),
        sa.Column("network_type", sa.String(length=16), nullable=False),
        sa.Column("physical_network", sa.String(length=64), nullable=True),
        sa.Column("segmentation_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("network_segments_network", "network_segments", ["network_id"], unique=False)
    op.create_index("network_segments_project", "network_segments", ["project_id", "id"], unique=False)
    op.add_column("subnets", sa.Column("segment_id", sa.String(length=36), nullable=True))
    networks = op.get_bind().execute(
        sa.text("SELECT id, project_id, kind, physical_network, segment, created_at FROM networks")
    )
    for id, project_id, kind, physical_network, segment, created_at in networks.fetchall():
        op.get_bind().execute(
            sa.text(
                "INSERT INTO network_segments (id, project_id, revision_number, name, description, tags, created_at, updated_at, "
                "network_id, network_type, physical_network, segmentation_id) VALUES (:id, :project_id, 1, '', '', '[]', :moment, "
                ":moment, :network, :kind, :physical_network, :segment)"
            ),
            {
                "id": str(uuid4()),
                "project_id": project_id,
                "moment": created_at,
                "network": id,
                "kind": kind,
                "physical_network": physical_network,
                "segment": segment,
            },
        )
