"""several gateways."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: old code must work with what this makes."""
    op.add_column("routers", sa.Column("enable_default_route_bfd", sa.Integer(), server_default="0", nullable=False))
    op.add_column("routers", sa.Column("enable_default_route_ecmp", sa.Integer(), server_default="0", nullable=False))
    op.add_column("routers", sa.Column("enable_ndp_proxy", sa.Integer(), server_default="0", nullable=False))
