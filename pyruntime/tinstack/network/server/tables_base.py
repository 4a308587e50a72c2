"""What the tables of the network database are made of."""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

ID = 36
PROJECT = 64
KEY = 32
"""An address or a number as hexadecimal text of fixed width, so that it sorts."""


def owned(name: str, *columns: Any) -> Table:
    """What belongs to a project, without name and description of its own."""
    return Table(
        name,
        metadata,
        Column("id", String(ID), primary_key=True),
        Column("project_id", String(PROJECT), nullable=False),
        Column("revision_number", Integer, nullable=False),
        *columns,
        Index(f"{name}_project", "project_id", "id"),
    )


def standard(name: str, *columns: Any) -> Table:
    """What every resource of the API has, and ``columns``."""
    return owned(
        name,
        Column("name", String(255), nullable=False),
        Column("description", String(255), nullable=False),
        Column("tags", Text, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        *columns,
    )
