"""port and subnet attributes."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: old code must work with what this makes."""
    op.add_column("ports", sa.Column("dns_domain", sa.String(length=255), server_default="", nullable=False))
    op.add_column("ports", sa.Column("propagate_uplink_status", sa.Integer(), server_default="1", nullable=False))
    op.add_column("ports", sa.Column("numa_affinity_policy", sa.String(length=16), nullable=True))
    op.add_column("ports", sa.Column("hints", sa.Text(), nullable=True))
    op.add_column("subnets", sa.Column("dns_publish_fixed_ip", sa.Integer(), server_default="0", nullable=False))
