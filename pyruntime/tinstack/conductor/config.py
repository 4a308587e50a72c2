"""The conductor's configuration."""

from tinstack.core.config import ServiceConfig


class Config(ServiceConfig, kw_only=True, forbid_unknown_fields=True):
    """``*_lease_seconds``: how long an operation is held before its holder must be heard of again.

    ``service_down_seconds``: a host that is silent that long is down. ``max_attempts``: hosts tried for one boot.
    ``launch_token_seconds``: how long a host's token lives. ``sweep_seconds``: how often claims without a server are looked
    for, ``network_seconds``: how often all servers' addresses are read again, ``beat_seconds``: how often it says that it lives.
    ``dhcp_domain``: the domain of guests' names, as the api has it, so that config drive and metadata say the same.
    """

    scheduler_lease_seconds: float = 30.0
    host_lease_seconds: float = 30.0
    own_lease_seconds: float = 15.0
    service_down_seconds: float = 60.0
    max_attempts: int = 3
    launch_token_seconds: int = 600
    reconcile_seconds: float = 2.0
    sweep_seconds: float = 60.0
    network_seconds: float = 60.0
    beat_seconds: float = 10.0
    default_zone: str = "nova"
    dhcp_domain: str = "novalocal"
