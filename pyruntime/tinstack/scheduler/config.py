"""The scheduler's configuration."""

from tinstack.core.config import ServiceConfig


class Config(ServiceConfig, kw_only=True, forbid_unknown_fields=True):
    """``hosts_seconds``: how old the view of the hosts and of who has room may be; ``alternates``: hosts named beside the chosen one;
    ``report_seconds``: how often the scheduler says that it lives. Weights multiply the normalised weighers."""

    hosts_seconds: float = 1.0
    alternates: int = 2
    report_seconds: float = 10.0
    ram_weight: float = 1.0
    disk_weight: float = 1.0
    spread_weight: float = 1.0
