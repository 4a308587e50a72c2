"""From a URL to a database."""

from tinstack.core.config import ConfigError, DatabaseConfig
from tinstack.core.db.interface import Database


def connect(config: DatabaseConfig) -> Database:
    """The database that the URL names, not yet opened. Raises ConfigError for a scheme that is not served."""
    if config.url.startswith("sqlite:"):
        from tinstack.core.db.sqlite import SqliteDatabase

        return SqliteDatabase(config)
    if config.url.startswith("mysql:"):
        from tinstack.core.db.mariadb import MariaDatabase

        return MariaDatabase(config)
    raise ConfigError(f"The database URL '{config.url}' is neither sqlite: nor mysql:.")
