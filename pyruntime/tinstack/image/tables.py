"""Tables of the image database."""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

images = Table(
    "images",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(255)),
    Column("owner", String(64)),
    Column("status", String(32), nullable=False),
    Column("visibility", String(16), nullable=False),
    Column("disk_format", String(20)),
    Column("container_format", String(20)),
    Column("size", BigInteger),
    Column("virtual_size", BigInteger),
    Column("checksum", String(32)),
    Column("os_hash_algo", String(16)),
    Column("os_hash_value", String(128)),
    Column("min_disk", Integer, nullable=False),
    Column("min_ram", Integer, nullable=False),
    Column("protected", Integer, nullable=False),
    Column("os_hidden", Integer, nullable=False),
    Column("properties", Text, nullable=False),
    Column("stores", Text, nullable=False, server_default='["file"]'),
    Column("upload_until", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("images_owner", "owner", "created_at"),
    Index("images_visibility", "visibility", "created_at"),
    Index("images_created", "created_at", "id"),
)

tags = Table(
    "image_tags",
    metadata,
    Column("image_id", String(36), primary_key=True),
    Column("tag", String(255), primary_key=True),
    Index("image_tags_tag", "tag"),
)

members = Table(
    "image_members",
    metadata,
    Column("image_id", String(36), primary_key=True),
    Column("member_id", String(64), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("image_members_member", "member_id", "status"),
)

namespaces = Table(
    "metadef_namespaces",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("namespace", String(80), nullable=False, unique=True),
    Column("display_name", String(80)),
    Column("description", Text),
    Column("visibility", String(16), nullable=False),
    Column("protected", Integer, nullable=False),
    Column("owner", String(255), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

namespace_items = Table(
    "metadef_items",
    metadata,
    Column("namespace_id", String(32), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("content", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

resource_types = Table(
    "metadef_resource_types",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("type", String(30), nullable=False),
    Column("status", String(16), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("image_id", String(36)),
    Column("user_id", String(64)),
    Column("request_id", String(64)),
    Column("input", Text, nullable=False),
    Column("result", Text),
    Column("message", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("tasks_image", "image_id"),
    Index("tasks_created", "created_at", "id"),
)
