"""keep what filters say of a boot in one row."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: old code must work with what this makes."""
    op.create_table(
        "decisions",
        sa.Column("operation_id", sa.String(length=36), nullable=False),
        sa.Column("instance_id", sa.String(length=36), nullable=False),
        sa.Column("verdicts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("operation_id"),
    )
    op.create_index("decisions_of_instance", "decisions", ["instance_id"], unique=False)
