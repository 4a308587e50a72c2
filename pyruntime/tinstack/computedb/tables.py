"""Tables of the compute database. Times are microseconds; 0 in ``deleted_at`` means alive; JSON in Text columns.

What a list of servers shows (flavor, addresses, metadata, tags, volumes, fault) stands in the instance's own row, so that
``servers/detail`` is one query.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

from tinstack.core.operations import operations_table

metadata = MetaData()

LONG = Text(length=1 << 20)

instances = Table(
    "instances",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("project_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("hostname", String(255), nullable=False),
    Column("description", String(255)),
    Column("host", String(255)),
    Column("node", String(255)),
    Column("availability_zone", String(255)),
    Column("pinned_zone", String(255)),
    Column("vm_state", String(32), nullable=False),
    Column("task_state", String(32)),
    Column("power_state", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("progress", Integer, nullable=False),
    Column("image_id", String(36)),
    Column("image_properties", Text, nullable=False),
    Column("flavor_id", String(255), nullable=False),
    Column("flavor", Text, nullable=False),
    Column("key_name", String(255)),
    Column("public_key", Text),
    Column("user_data", LONG),
    Column("admin_password", String(255)),
    Column("config_drive", Integer, nullable=False),
    Column("disk_config", String(16), nullable=False),
    Column("access_ip_v4", String(64)),
    Column("access_ip_v6", String(64)),
    Column("metadata", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("security_groups", Text, nullable=False),
    Column("ports", Text, nullable=False),
    Column("volumes", Text, nullable=False),
    Column("network_info", Text, nullable=False),
    Column("scheduler_hints", Text, nullable=False),
    Column("trusted_certs", Text),
    Column("fault", Text),
    Column("locked_by", String(16)),
    Column("locked_reason", String(255)),
    Column("reservation_id", String(64), nullable=False),
    Column("launch_index", Integer, nullable=False),
    Column("root_device", String(64)),
    Column("server_group", String(36)),
    Column("audit_id", String(64)),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("launched_at", BigInteger),
    Column("terminated_at", BigInteger),
    Column("deleted_at", BigInteger, nullable=False),
    Index("instances_page", "project_id", "deleted_at", "created_at", "id"),
    Index("instances_all", "deleted_at", "created_at", "id"),
    Index("instances_host", "host", "deleted_at"),
)

operations = operations_table(metadata)

actions = Table(
    "instance_actions",
    metadata,
    Column("request_id", String(64), primary_key=True),
    Column("instance_id", String(36), primary_key=True),
    Column("operation_id", String(36)),
    Column("action", String(64), nullable=False),
    Column("user_id", String(64)),
    Column("project_id", String(64)),
    Column("message", Text),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("updated_at", BigInteger, nullable=False),
    Index("actions_of_instance", "instance_id", "started_at"),
)

trace_events = Table(
    "trace_events",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("instance_id", String(36)),
    Column("audit_id", String(64)),
    Column("request_id", String(64), nullable=False),
    Column("step", Integer, nullable=False),
    Column("service", String(32), nullable=False),
    Column("host", String(255), nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("duration", BigInteger, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Index("trace_of_instance", "instance_id", "start"),
    Index("trace_of_token", "audit_id", "start"),
)

verdicts_of_before = Table(
    "verdicts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("instance_id", String(36), nullable=False),
    Column("operation_id", String(36), nullable=False),
    Column("host", String(255), nullable=False),
    Column("filter", String(64), nullable=False),
    Column("passed", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Index("verdicts_of_instance", "instance_id"),
)
"""A row for each verdict, as conductors wrote them that still run during an upgrade; dropped once none does."""

decisions = Table(
    "decisions",
    metadata,
    Column("operation_id", String(36), primary_key=True),
    Column("instance_id", String(36), nullable=False),
    Column("verdicts", Text, nullable=False),
    Index("decisions_of_instance", "instance_id"),
)

flavors = Table(
    "flavors",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(255), nullable=False, unique=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("description", Text),
    Column("vcpus", Integer, nullable=False),
    Column("ram_mib", Integer, nullable=False),
    Column("root_gib", Integer, nullable=False),
    Column("ephemeral_gib", Integer, nullable=False),
    Column("swap_mib", Integer, nullable=False),
    Column("rxtx_factor", String(16), nullable=False),
    Column("is_public", Integer, nullable=False),
    Column("disabled", Integer, nullable=False),
    Column("extra_specs", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger),
)

flavor_access = Table(
    "flavor_access",
    metadata,
    Column("flavor_id", String(255), primary_key=True),
    Column("project_id", String(64), primary_key=True),
)

keypairs = Table(
    "keypairs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("user_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("type", String(16), nullable=False),
    Column("public_key", Text, nullable=False),
    Column("fingerprint", String(255), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("user_id", "name", name="keypairs_name"),
)

console_tokens = Table(
    "console_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("instance_id", String(36), nullable=False),
    Column("compute_host", String(255), nullable=False),
    Column("console_type", String(32), nullable=False),
    Column("host", String(64), nullable=False),
    Column("port", Integer, nullable=False),
    Column("internal_access_path", String(255)),
    Column("expires_at", BigInteger, nullable=False),
    Index("console_tokens_expiry", "expires_at"),
)

services = Table(
    "services",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("host", String(255), nullable=False),
    Column("binary", String(64), nullable=False),
    Column("disabled", Integer, nullable=False),
    Column("disabled_reason", String(255)),
    Column("forced_down", Integer, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("host", "binary", name="services_name"),
)

compute_nodes = Table(
    "compute_nodes",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("host", String(255), nullable=False, unique=True),
    Column("hypervisor_type", String(32), nullable=False),
    Column("hypervisor_version", Integer, nullable=False),
    Column("host_ip", String(64), nullable=False),
    Column("vcpus", Integer, nullable=False),
    Column("ram_mib", Integer, nullable=False),
    Column("disk_gib", Integer, nullable=False),
    Column("free_disk_gib", Integer, nullable=False),
    Column("cpu_info", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

aggregates = Table(
    "aggregates",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("uuid", String(36), nullable=False, unique=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("metadata", Text, nullable=False),
    Column("hosts", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger),
)

server_groups = Table(
    "server_groups",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("project_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("policy", String(32), nullable=False),
    Column("rules", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("server_groups_project", "project_id"),
)

quota_limits = Table(
    "quota_limits",
    metadata,
    Column("owner", String(80), primary_key=True),
    Column("resource", String(64), primary_key=True),
    Column("hard_limit", Integer, nullable=False),
)

quota_usage = Table(
    "quota_usage",
    metadata,
    Column("project_id", String(64), primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("instances", Integer, nullable=False),
    Column("cores", Integer, nullable=False),
    Column("ram_mib", Integer, nullable=False),
)
