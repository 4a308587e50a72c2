"""Tables of the identity database. Domains are rows of ``projects`` (``is_domain``), as the Identity API has them.

Names are unique within their domain; what has no domain (domains themselves, global roles) has ``domain_id`` ''.
``snapshot`` is one row of counters: every change adds one to ``total`` and to the counters of the sections it touched, so that
readers know by one SELECT whether what they hold in memory is still true.
"""

import sqlalchemy as sa

metadata = sa.MetaData()

ID = sa.String(64)
NAME = sa.String(255)

SECTIONS = (
    "projects",
    "users",
    "user_groups",
    "members",
    "roles",
    "grants",
    "catalog",
    "application_credentials",
    "revocations",
    "delegations",
)
"""What is loaded together and counted together in ``snapshot``."""

snapshot = sa.Table(
    "snapshot",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("total", sa.BigInteger, nullable=False),
    *(sa.Column(section, sa.BigInteger, nullable=False, server_default="0") for section in SECTIONS),
)

projects = sa.Table(
    "projects",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("name", NAME, nullable=False),
    sa.Column("domain_id", ID, nullable=False),
    sa.Column("parent_id", ID, nullable=False),
    sa.Column("is_domain", sa.Integer, nullable=False),
    sa.Column("enabled", sa.Integer, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("extra", sa.Text, nullable=False),
    sa.UniqueConstraint("domain_id", "name", name="uq_projects_name"),
)

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("name", NAME, nullable=False),
    sa.Column("domain_id", ID, nullable=False),
    sa.Column("enabled", sa.Integer, nullable=False),
    sa.Column("machine", sa.Integer, nullable=False),
    sa.Column("default_project_id", ID),
    sa.Column("extra", sa.Text, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("failed_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("domain_id", "name", name="uq_users_name"),
)

passwords = sa.Table(
    "passwords",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("user_id", ID, nullable=False),
    sa.Column("hash", sa.String(255), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Index("ix_passwords_user", "user_id", "created_at"),
)

user_groups = sa.Table(
    "user_groups",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("name", NAME, nullable=False),
    sa.Column("domain_id", ID, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("extra", sa.Text, nullable=False),
    sa.UniqueConstraint("domain_id", "name", name="uq_user_groups_name"),
)

members = sa.Table(
    "members",
    metadata,
    sa.Column("group_id", ID, primary_key=True),
    sa.Column("user_id", ID, primary_key=True),
)

roles = sa.Table(
    "roles",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("name", NAME, nullable=False),
    sa.Column("domain_id", ID, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("extra", sa.Text, nullable=False),
    sa.UniqueConstraint("domain_id", "name", name="uq_roles_name"),
)

implications = sa.Table(
    "implications",
    metadata,
    sa.Column("prior_id", ID, primary_key=True),
    sa.Column("implied_id", ID, primary_key=True),
)

grants = sa.Table(
    "grants",
    metadata,
    sa.Column("actor", sa.String(8), primary_key=True),
    sa.Column("actor_id", ID, primary_key=True),
    sa.Column("target", sa.String(8), primary_key=True),
    sa.Column("target_id", ID, primary_key=True),
    sa.Column("role_id", ID, primary_key=True),
    sa.Column("inherited", sa.Integer, primary_key=True, autoincrement=False),
)

regions = sa.Table(
    "regions",
    metadata,
    sa.Column("id", sa.String(255), primary_key=True),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("parent_region_id", sa.String(255)),
    sa.Column("extra", sa.Text, nullable=False),
)

services = sa.Table(
    "services",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("type", sa.String(255), nullable=False),
    sa.Column("name", NAME, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("enabled", sa.Integer, nullable=False),
    sa.Column("extra", sa.Text, nullable=False),
)

endpoints = sa.Table(
    "endpoints",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("service_id", ID, nullable=False),
    sa.Column("region_id", sa.String(255)),
    sa.Column("interface", sa.String(8), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("enabled", sa.Integer, nullable=False),
    sa.Column("extra", sa.Text, nullable=False),
    sa.Index("ix_endpoints_service", "service_id"),
)

application_credentials = sa.Table(
    "application_credentials",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("user_id", ID, nullable=False),
    sa.Column("project_id", ID, nullable=False),
    sa.Column("name", NAME, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("secret_hash", sa.String(255), nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("unrestricted", sa.Integer, nullable=False),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("access_rules", sa.Text),
    sa.UniqueConstraint("user_id", "name", name="uq_application_credentials_name"),
)

credentials = sa.Table(
    "credentials",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("user_id", ID, nullable=False),
    sa.Column("project_id", ID),
    sa.Column("type", NAME, nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("extra", sa.Text, nullable=False),
    sa.Index("ix_credentials_user", "user_id"),
)

trusts = sa.Table(
    "trusts",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("trustor_user_id", ID, nullable=False),
    sa.Column("trustee_user_id", ID, nullable=False),
    sa.Column("project_id", ID),
    sa.Column("impersonation", sa.Integer, nullable=False),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("remaining_uses", sa.Integer),
    sa.Column("redelegation_count", sa.Integer, nullable=False),
    sa.Column("redelegated_trust_id", ID),
)

policies = sa.Table(
    "policies",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("type", NAME, nullable=False),
    sa.Column("blob", sa.Text, nullable=False),
    sa.Column("extra", sa.Text, nullable=False),
)

access_rules = sa.Table(
    "access_rules",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("user_id", ID, nullable=False),
    sa.Column("service", NAME, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("method", sa.String(16), nullable=False),
)

registered_limits = sa.Table(
    "registered_limits",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("service_id", ID, nullable=False),
    sa.Column("region_id", NAME, nullable=False),
    sa.Column("resource_name", NAME, nullable=False),
    sa.Column("default_limit", sa.Integer, nullable=False),
    sa.Column("description", sa.Text),
    sa.UniqueConstraint("service_id", "region_id", "resource_name", name="uq_registered_limits"),
)

limits = sa.Table(
    "limits",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("service_id", ID, nullable=False),
    sa.Column("region_id", NAME, nullable=False),
    sa.Column("resource_name", sa.String(191), nullable=False),
    sa.Column("resource_limit", sa.Integer, nullable=False),
    sa.Column("project_id", ID, nullable=False),
    sa.Column("domain_id", ID, nullable=False),
    sa.Column("description", sa.Text),
    sa.UniqueConstraint("project_id", "domain_id", "service_id", "region_id", "resource_name", name="uq_limits"),
)

domain_options = sa.Table(
    "domain_options",
    metadata,
    sa.Column("domain_id", ID, primary_key=True),
    sa.Column("section", ID, primary_key=True),
    sa.Column("name", ID, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("secret", sa.Integer, nullable=False),
)

endpoint_groups = sa.Table(
    "endpoint_groups",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("name", NAME, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("filters", sa.Text, nullable=False),
)

project_endpoints = sa.Table(
    "project_endpoints",
    metadata,
    sa.Column("project_id", ID, primary_key=True),
    sa.Column("endpoint_id", ID, primary_key=True),
)

project_endpoint_groups = sa.Table(
    "project_endpoint_groups",
    metadata,
    sa.Column("project_id", ID, primary_key=True),
    sa.Column("endpoint_group_id", ID, primary_key=True),
)

policy_associations = sa.Table(
    "policy_associations",
    metadata,
    sa.Column("endpoint_id", ID, primary_key=True),
    sa.Column("service_id", ID, primary_key=True),
    sa.Column("region_id", NAME, primary_key=True),
    sa.Column("policy_id", ID, nullable=False),
)

consumers = sa.Table(
    "consumers",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("description", sa.Text),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("extra", sa.Text, nullable=False),
)

request_tokens = sa.Table(
    "request_tokens",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("consumer_id", ID, nullable=False),
    sa.Column("project_id", ID, nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("user_id", ID),
    sa.Column("verifier", ID),
    sa.Column("roles", sa.Text, nullable=False),
)

access_tokens = sa.Table(
    "access_tokens",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("consumer_id", ID, nullable=False),
    sa.Column("user_id", ID, nullable=False),
    sa.Column("project_id", ID, nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("roles", sa.Text, nullable=False),
)

identity_providers = sa.Table(
    "identity_providers",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("domain_id", ID, nullable=False),
    sa.Column("enabled", sa.Integer, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("remote_ids", sa.Text, nullable=False),
    sa.Column("authorization_ttl", sa.Integer),
)

mappings = sa.Table(
    "mappings",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("rules", sa.Text, nullable=False),
    sa.Column("schema_version", sa.String(8), nullable=False),
)

protocols = sa.Table(
    "protocols",
    metadata,
    sa.Column("idp_id", ID, primary_key=True),
    sa.Column("id", ID, primary_key=True),
    sa.Column("mapping_id", ID, nullable=False),
    sa.Column("remote_id_attribute", ID),
)

service_providers = sa.Table(
    "service_providers",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("auth_url", sa.Text, nullable=False),
    sa.Column("sp_url", sa.Text, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("enabled", sa.Integer, nullable=False),
    sa.Column("relay_state_prefix", NAME, nullable=False),
)

revocations = sa.Table(
    "revocations",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("subject", ID, nullable=False),
    sa.Column("issued_before", sa.BigInteger, nullable=False),
    sa.Column("kept_until", sa.BigInteger, nullable=False),
    sa.Index("ix_revocations_kept", "kept_until"),
)
