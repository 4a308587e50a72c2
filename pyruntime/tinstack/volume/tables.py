"""Tables of the volume database."""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

from tinstack.core.operations import operations_table

metadata = MetaData()

volumes = Table(
    "volumes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("name", String(255)),
    Column("description", String(255)),
    Column("size", Integer, nullable=False),
    Column("status", String(32), nullable=False),
    Column("previous_status", String(32)),
    Column("bootable", Integer, nullable=False),
    Column("multiattach", Integer, nullable=False),
    Column("availability_zone", String(255), nullable=False),
    Column("volume_type_id", String(36)),
    Column("snapshot_id", String(36)),
    Column("source_volid", String(36)),
    Column("image_id", String(36)),
    Column("backend", String(255)),
    Column("metadata", Text, nullable=False),
    Column("image_metadata", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger),
    Index("volumes_project", "project_id", "created_at"),
    Index("volumes_created", "created_at", "id"),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("volume_id", String(36), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("name", String(255)),
    Column("description", String(255)),
    Column("size", Integer, nullable=False),
    Column("status", String(32), nullable=False),
    Column("progress", String(8), nullable=False),
    Column("metadata", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger),
    Index("snapshots_project", "project_id", "created_at"),
    Index("snapshots_volume", "volume_id"),
)

attachments = Table(
    "attachments",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("volume_id", String(36), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("instance_id", String(36)),
    Column("status", String(32), nullable=False),
    Column("mode", String(8), nullable=False),
    Column("mountpoint", String(255)),
    Column("host", String(255)),
    Column("connector", Text),
    Column("connection_info", Text),
    Column("attached_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Index("attachments_volume", "volume_id"),
    Index("attachments_instance", "instance_id"),
    Index("attachments_project", "project_id", "created_at"),
)

transfers = Table(
    "transfers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("volume_id", String(36), nullable=False, unique=True),
    Column("project_id", String(64), nullable=False),
    Column("name", String(255)),
    Column("salt", String(16), nullable=False),
    Column("key_hash", String(64), nullable=False),
    Column("snapshots", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("transfers_project", "project_id", "created_at"),
)

types = Table(
    "volume_types",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("description", String(255)),
    Column("is_public", Integer, nullable=False),
    Column("extra_specs", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

type_access = Table(
    "volume_type_access",
    metadata,
    Column("volume_type_id", String(36), primary_key=True),
    Column("project_id", String(64), primary_key=True),
)

services = Table(
    "services",
    metadata,
    Column("host", String(255), primary_key=True),
    Column("binary", String(64), primary_key=True),
    Column("disabled", Integer, nullable=False),
    Column("disabled_reason", String(255)),
    Column("frozen", Integer, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

quotas = Table(
    "quotas",
    metadata,
    Column("project_id", String(64), primary_key=True),
    Column("resource", String(255), primary_key=True),
    Column("hard_limit", Integer, nullable=False),
)

quota_generations = Table(
    "quota_generations",
    metadata,
    Column("project_id", String(64), primary_key=True),
    Column("generation", BigInteger, nullable=False),
)

operations = operations_table(metadata)
