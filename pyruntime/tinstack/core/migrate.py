"""Database migrations by Alembic, expand and contract, one history per database. Never imported by a serving process.

``python -m tinstack.core.migrate DATABASE "message"`` writes the next revision from the difference between the tables in the
code and the history so far.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tinstack.core.config import ConfigError, DatabaseConfig, ServiceConfig
from tinstack.core.migrate_paths import database_of, history_of, metadata_of, sync_url
from tinstack.core.tls import trusting


def upgrade(service: str, config: ServiceConfig) -> bool:
    """Bring the service's database to the newest revision; whether anything changed."""
    if config.database is None:
        raise ConfigError(f"The configuration of '{service}' names no database.")
    return upgrade_database(database_of(service), config.database)


def upgrade_database(database: str, config: DatabaseConfig) -> bool:
    """The same by the database's name."""
    arguments = {"ssl": context} if (context := trusting(config.ca)) else {}
    engine = sa.create_engine(sync_url(config), poolclass=sa.NullPool, connect_args=arguments)
    try:
        with engine.connect() as connection:
            before = MigrationContext.configure(connection).get_current_heads()
            alembic = _config(database, connection)
            if tuple(before) == tuple(ScriptDirectory.from_config(alembic).get_heads()):
                return False
            command.upgrade(alembic, "heads")
            connection.commit()
            return True
    except sa.exc.OperationalError as error:
        raise ConfigError(f"The database '{database}' can't be upgraded: {error.orig}.") from error


def revise(database: str, message: str) -> Path:
    """Write the next revision of a database's history; its path."""
    with tempfile.TemporaryDirectory() as folder:
        url = DatabaseConfig(url=f"sqlite:///{folder}/scratch.db")
        upgrade_database(database, url)
        engine = sa.create_engine(sync_url(url), poolclass=sa.NullPool)
        with engine.connect() as connection:
            alembic = _config(database, connection)
            number = len(list(ScriptDirectory.from_config(alembic).walk_revisions())) + 1
            script: Any = command.revision(alembic, message=message, autogenerate=True, rev_id=f"{number:04d}")
    path = Path(script.path)
    kept = [line for line in path.read_text().splitlines(keepends=True) if not line.strip().startswith("# ###")]
    path.write_text("".join(kept))
    return path


def _config(database: str, connection: sa.Connection) -> Config:
    config = Config()
    versions = history_of(database)
    versions.mkdir(exist_ok=True)
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(connection=connection, metadata=metadata_of(database))
    return config


if __name__ == "__main__":
    print(revise(sys.argv[1], sys.argv[2]))
