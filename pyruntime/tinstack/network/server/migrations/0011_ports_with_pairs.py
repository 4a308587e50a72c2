"""find ports with address pairs without a look at each."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: old code must work with what this makes."""
    op.create_index("ports_pairs", "ports", ["allowed_address_pairs"], unique=False, mysql_length=8, mariadb_length=8)
