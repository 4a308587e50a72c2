"""logs."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: old code must work with what this makes."""
    op.create_table(
        "logs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("resource_type", sa.String(length=64), nullable=False),
        sa.Column("resource_id", sa.String(length=36), nullable=True),
        sa.Column("target_id", sa.String(length=36), nullable=True),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("enabled", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("logs_project", "logs", ["project_id", "id"], unique=False)
    op.create_index("logs_resource", "logs", ["resource_id"], unique=False)
    op.create_index("logs_target", "logs", ["target_id"], unique=False)
    op.add_column("networks", sa.Column("more_segments", sa.Integer(), server_default="0", nullable=False))
    op.execute(
        "UPDATE networks SET more_segments = 1 WHERE id IN "
        "(SELECT network_id FROM network_segments GROUP BY network_id HAVING COUNT(*) > 1)"
    )
