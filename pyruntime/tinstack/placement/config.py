"""The configuration of the placement service (``placement.toml``)."""

from tinstack.core.config import ServiceConfig


class Config(ServiceConfig):
    """Nothing beyond what all services have."""
