"""The configuration of the console service."""

from tinstack.core.config import HostTls, ServiceConfig


class Config(ServiceConfig, kw_only=True, forbid_unknown_fields=True):
    """``novnc_dir``: where Debian's package novnc has its files. ``allowed_origins``: hosts beside this one whose pages may open
    consoles (a dashboard's). ``connect_seconds``: how long a host may take to answer; ``tls``: what we show
    to hosts, whose displays and serial lines then are encrypted."""

    novnc_dir: str = "/usr/share/novnc"
    allowed_origins: list[str] = []
    connect_seconds: float = 10.0
    tls: HostTls | None = None
