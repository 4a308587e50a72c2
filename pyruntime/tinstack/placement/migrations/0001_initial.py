"""initial."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: old code must work with what this makes."""
    op.create_table(
        "allocations",
        sa.Column("consumer", sa.String(length=36), nullable=False),
        sa.Column("provider", sa.String(length=36), nullable=False),
        sa.Column("resource_class", sa.String(length=255), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "provider", "resource_class"),
    )
    op.create_index("allocations_provider", "allocations", ["provider", "resource_class", "used"], unique=False)
    op.create_table(
        "consumers",
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("consumer_type", sa.String(length=255), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("uuid"),
    )
    op.create_index("consumers_project", "consumers", ["project_id", "user_id"], unique=False)
    op.create_table(
        "inventories",
        sa.Column("provider", sa.String(length=36), nullable=False),
        sa.Column("resource_class", sa.String(length=255), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.Integer(), nullable=False),
        sa.Column("min_unit", sa.Integer(), nullable=False),
        sa.Column("max_unit", sa.Integer(), nullable=False),
        sa.Column("step_size", sa.Integer(), nullable=False),
        sa.Column("allocation_ratio", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "resource_class"),
    )
    op.create_index("inventories_class", "inventories", ["resource_class"], unique=False)
    op.create_table(
        "provider_aggregates",
        sa.Column("provider", sa.String(length=36), nullable=False),
        sa.Column("aggregate", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("provider", "aggregate"),
    )
    op.create_index("provider_aggregates_aggregate", "provider_aggregates", ["aggregate"], unique=False)
    op.create_table(
        "provider_traits",
        sa.Column("provider", sa.String(length=36), nullable=False),
        sa.Column("trait", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("provider", "trait"),
    )
    op.create_index("provider_traits_trait", "provider_traits", ["trait"], unique=False)
    op.create_table(
        "resource_classes", sa.Column("name", sa.String(length=255), nullable=False), sa.PrimaryKeyConstraint("name")
    )
    op.create_table(
        "resource_providers",
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("parent", sa.String(length=36), nullable=True),
        sa.Column("root", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("uuid"),
        sa.UniqueConstraint("name"),
    )
    op.create_index("resource_providers_parent", "resource_providers", ["parent"], unique=False)
    op.create_index("resource_providers_root", "resource_providers", ["root"], unique=False)
    op.create_table("traits", sa.Column("name", sa.String(length=255), nullable=False), sa.PrimaryKeyConstraint("name"))
