"""The migrations make the tables that the code has."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tinstack.core.config import DatabaseConfig
from tinstack.core.migrate import upgrade_database
from tinstack.core.migrate_paths import PACKAGES, metadata_of


@pytest.mark.parametrize("database", PACKAGES)
def test_the_history_of_a_database_ends_in_its_tables(database: str, tmp_path: Path) -> None:
    config = DatabaseConfig(url=f"sqlite:///{tmp_path}/history.db")
    assert upgrade_database(database, config)
    assert not upgrade_database(database, config)
    with sa.create_engine(config.url).connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata_of(database))
    assert not differences, f"run: python -m tinstack.core.migrate {database} 'what changed'"
