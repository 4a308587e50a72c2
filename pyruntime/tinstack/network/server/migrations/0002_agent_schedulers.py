"""agent schedulers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: old code must work with what this makes."""
    op.create_table(
        "dhcp_bindings",
        sa.Column("network_id", sa.String(length=36), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("network_id", "host"),
    )
    op.create_index("dhcp_bindings_host", "dhcp_bindings", ["host"], unique=False)
    op.add_column("routers", sa.Column("parked", sa.Integer(), server_default="0", nullable=False))
    op.add_column("routers", sa.Column("distributed", sa.Integer(), server_default="0", nullable=False))
    op.add_column("routers", sa.Column("ha", sa.Integer(), server_default="0", nullable=False))
    op.execute(
        "INSERT INTO dhcp_bindings (network_id, host) SELECT DISTINCT network_id, binding_host FROM ports "
        "WHERE device_owner = 'network:dhcp' AND binding_host <> ''"
    )
