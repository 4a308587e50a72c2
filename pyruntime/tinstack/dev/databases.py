"""A cloud's databases at this version."""

from pathlib import Path

import sqlalchemy as sa

from tinstack.core.config import DatabaseConfig
from tinstack.core.migrate_paths import head_revision, metadata_of, sync_url


def prepare(name: str, config: DatabaseConfig) -> None:
    """One of them; Alembic is loaded where there is something to change in it."""
    sqlite, path = config.url.startswith("sqlite:"), config.url.removeprefix("sqlite:///")
    if sqlite and not Path(path).exists():
        _create(name, config)
    elif _revision(config) != head_revision(name):
        from tinstack.core.migrate import upgrade_database

        upgrade_database(name, config)


def _revision(config: DatabaseConfig) -> str | None:
    engine = sa.create_engine(sync_url(config), poolclass=sa.NullPool)
    with engine.connect() as connection:
        try:
            revision: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        except sa.exc.DatabaseError:
            return None
    return revision


def _create(name: str, config: DatabaseConfig) -> None:
    """A new SQLite file straight from the tables, stamped with the newest revision."""
    engine = sa.create_engine(config.url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        metadata_of(name).create_all(connection)
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES (:v)"), {"v": head_revision(name)})
