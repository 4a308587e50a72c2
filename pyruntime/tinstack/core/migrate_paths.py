"""Where each database's tables and history are, without loading Alembic."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from tinstack.core.config import ConfigError, DatabaseConfig

if TYPE_CHECKING:
    import sqlalchemy as sa

PACKAGES = {
    "identity": "tinstack.identity",
    "placement": "tinstack.placement",
    "image": "tinstack.image",
    "network": "tinstack.network.server",
    "volume": "tinstack.volume",
    "compute": "tinstack.computedb",
}
"""Each database's package: ``tables.metadata`` and ``migrations/`` live there."""

OF_SERVICE = {"api": "compute", "conductor": "compute"}
"""Services whose database has another name than they."""


def metadata_of(database: str) -> "sa.MetaData":
    """The tables of a database as the code has them."""
    metadata: sa.MetaData = importlib.import_module(f"{PACKAGES[database]}.tables").metadata
    return metadata


def history_of(database: str) -> Path:
    """The folder of its migrations: ``0001_….py`` and on."""
    return Path(importlib.import_module(PACKAGES[database]).__path__[0]) / "migrations"


def head_revision(database: str) -> str:
    """The newest revision: the highest number."""
    return max((path.name.partition("_")[0] for path in history_of(database).glob("[0-9]*.py")), default="0000")


def database_of(service: str) -> str:
    """The database that a service uses. Raises ConfigError where it has none."""
    name = OF_SERVICE.get(service, service)
    if name not in PACKAGES:
        raise ConfigError(f"The service '{service}' has no database.")
    return name


def sync_url(config: DatabaseConfig) -> str:
    """SQLAlchemy's URL of a database for those who work without an event loop."""
    if config.url.startswith("sqlite:"):
        return config.url
    url = urlsplit(config.url)
    password = quote(config.password, safe="")
    return f"mysql+pymysql://{url.username}:{password}@{url.hostname}:{url.port or 3306}{url.path}?charset=utf8mb4"
