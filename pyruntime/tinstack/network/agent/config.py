"""Configuration of a host's network agent (``/etc/tinstack/network-agent.toml``)."""

import msgspec

from tinstack.core.config import AuthConfig, ServiceConfig


class Config(ServiceConfig, kw_only=True, forbid_unknown_fields=True):
    """``tunnel_ip``: this host's end of VXLAN and GRE. ``roles``: ``l2`` on every host; ``dhcp``, ``l3`` and ``metadata`` on
    network hosts. ``physical_networks``: name → interface without addresses (``{physnet1 = "ext0"}``).
    ``look_seconds``: how often the host is looked at when nobody asks for it. ``ask_seconds``: how often it asks what is wanted when
    it is not told to. ``report_seconds``: the heartbeat; whoever is behind hears of it then.
    """

    auth: AuthConfig = msgspec.field(default_factory=lambda: AuthConfig(auth_url=""))
    tunnel_ip: str
    roles: list[str] = msgspec.field(default_factory=lambda: ["l2"])
    physical_networks: dict[str, str] = {}
    look_seconds: float = 60.0
    ask_seconds: float = 600.0
    report_seconds: float = 30.0
    state_dir: str = "/var/lib/tinstack/network-agent"
