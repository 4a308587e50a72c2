"""The configuration of the compute API and the metadata service."""

import msgspec

from tinstack.core.config import HttpConfig, ServiceConfig


class Quotas(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Limits of a project that has none of its own; -1 is unlimited. ``ram`` in MiB. Nova's defaults."""

    instances: int = 10
    cores: int = 20
    ram: int = 51200
    key_pairs: int = 100
    metadata_items: int = 128
    server_groups: int = 10
    server_group_members: int = 10
    injected_files: int = 5
    injected_file_content_bytes: int = 10240
    injected_file_path_bytes: int = 255
    fixed_ips: int = -1
    floating_ips: int = -1
    security_groups: int = -1
    security_group_rules: int = -1


class Config(ServiceConfig, kw_only=True, forbid_unknown_fields=True):
    """``metadata_http``: where the metadata service listens. ``metadata_secret``: what hosts' signing keys are made of,
    several while they are rotated.

    ``owner_lease_seconds``: how long the api may take to hand a boot to the scheduler before the conductor takes it up;
    ``boot_deadline_seconds``: when a boot that is not done has failed. ``service_down_seconds``: a host that is silent that
    long is down. ``dhcp_domain``: the domain of guests' names, without a leading dot. ``console_url``: where browsers reach the
    console service; ``console_token_seconds``: how long after it was asked for a console may be opened.
    """

    metadata_http: HttpConfig = msgspec.field(default_factory=HttpConfig)
    metadata_secret: str = ""
    owner_lease_seconds: float = 10.0
    boot_deadline_seconds: float = 600.0
    action_deadline_seconds: float = 300.0
    service_down_seconds: float = 60.0
    dhcp_domain: str = "novalocal"
    console_url: str = "http://127.0.0.1:6080"
    console_token_seconds: float = 600.0
    default_zone: str = "nova"
    internal_zone: str = "internal"
    page_limit: int = 1000
    quotas: Quotas = msgspec.field(default_factory=Quotas)
