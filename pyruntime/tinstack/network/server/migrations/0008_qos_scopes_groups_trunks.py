"""qos scopes groups trunks."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: old code must work with what this makes."""
    op.create_table(
        "address_groups",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("addresses", sa.Text(), nullable=False),
        sa.Column("shared", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("address_groups_project", "address_groups", ["project_id", "id"], unique=False)
    op.create_table(
        "address_scopes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("ip_version", sa.Integer(), nullable=False),
        sa.Column("shared", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("address_scopes_project", "address_scopes", ["project_id", "id"], unique=False)
    op.create_table(
        "qos_policies",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("shared", sa.Integer(), nullable=False),
        sa.Column("default_for", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("qos_policies_default", "qos_policies", ["default_for"], unique=True)
    op.create_index("qos_policies_project", "qos_policies", ["project_id", "id"], unique=False)
    op.create_table(
        "qos_rules",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("policy_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("burst", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("qos_rules_project", "qos_rules", ["project_id", "id"], unique=False)
    op.create_index("qos_rules_same", "qos_rules", ["policy_id", "kind", "direction"], unique=True)
    op.create_table(
        "sub_ports",
        sa.Column("port_id", sa.String(length=36), nullable=False),
        sa.Column("trunk_id", sa.String(length=36), nullable=False),
        sa.Column("segmentation_type", sa.String(length=16), nullable=False),
        sa.Column("segmentation_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("port_id"),
    )
    op.create_index("sub_ports_segment", "sub_ports", ["trunk_id", "segmentation_type", "segmentation_id"], unique=True)
    op.create_table(
        "trunks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("port_id", sa.String(length=36), nullable=False),
        sa.Column("admin_state_up", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("trunks_port", "trunks", ["port_id"], unique=True)
    op.create_index("trunks_project", "trunks", ["project_id", "id"], unique=False)
    op.add_column("floatingips", sa.Column("qos_policy_id", sa.String(length=36), nullable=True))
    op.create_index("floatingips_qos", "floatingips", ["qos_policy_id"], unique=False)
    op.add_column("networks", sa.Column("qos_policy_id", sa.String(length=36), nullable=True))
    op.create_index("networks_qos", "networks", ["qos_policy_id"], unique=False)
    op.add_column("ports", sa.Column("qos_policy_id", sa.String(length=36), nullable=True))
    op.create_index("ports_qos", "ports", ["qos_policy_id"], unique=False)
    op.add_column("routers", sa.Column("gateway_qos_policy_id", sa.String(length=36), nullable=True))
    op.create_index("routers_qos", "routers", ["gateway_qos_policy_id"], unique=False)
    op.add_column("security_group_rules", sa.Column("remote_address_group_id", sa.String(length=36), nullable=True))
    op.create_index("security_group_rules_addresses", "security_group_rules", ["remote_address_group_id"], unique=False)
    op.add_column("subnetpools", sa.Column("address_scope_id", sa.String(length=36), nullable=True))
    op.create_index("subnetpools_scope", "subnetpools", ["address_scope_id"], unique=False)
