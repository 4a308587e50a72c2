"""Tables of the placement database."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, MetaData, String, Table

metadata = MetaData()

providers = Table(
    "resource_providers",
    metadata,
    Column("uuid", String(36), primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("generation", Integer, nullable=False),
    Column("parent", String(36)),
    Column("root", String(36), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("resource_providers_root", "root"),
    Index("resource_providers_parent", "parent"),
)

inventories = Table(
    "inventories",
    metadata,
    Column("provider", String(36), primary_key=True),
    Column("resource_class", String(255), primary_key=True),
    Column("total", Integer, nullable=False),
    Column("reserved", Integer, nullable=False),
    Column("min_unit", Integer, nullable=False),
    Column("max_unit", Integer, nullable=False),
    Column("step_size", Integer, nullable=False),
    Column("allocation_ratio", Double, nullable=False),
    Index("inventories_class", "resource_class"),
)

consumers = Table(
    "consumers",
    metadata,
    Column("uuid", String(36), primary_key=True),
    Column("project_id", String(255), nullable=False),
    Column("user_id", String(255), nullable=False),
    Column("consumer_type", String(255), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("consumers_project", "project_id", "user_id"),
)

allocations = Table(
    "allocations",
    metadata,
    Column("consumer", String(36), primary_key=True),
    Column("provider", String(36), primary_key=True),
    Column("resource_class", String(255), primary_key=True),
    Column("used", Integer, nullable=False),
    Index("allocations_provider", "provider", "resource_class", "used"),
)

traits = Table("traits", metadata, Column("name", String(255), primary_key=True))

provider_traits = Table(
    "provider_traits",
    metadata,
    Column("provider", String(36), primary_key=True),
    Column("trait", String(255), primary_key=True),
    Index("provider_traits_trait", "trait"),
)

provider_aggregates = Table(
    "provider_aggregates",
    metadata,
    Column("provider", String(36), primary_key=True),
    Column("aggregate", String(36), primary_key=True),
    Index("provider_aggregates_aggregate", "aggregate"),
)

resource_classes = Table("resource_classes", metadata, Column("name", String(255), primary_key=True))
