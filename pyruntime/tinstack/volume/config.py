"""The configuration of the volume service (``volume.toml``)."""

import msgspec

from tinstack.core.config import ServiceConfig

QUOTA = {
    "volumes": 10,
    "snapshots": 10,
    "gigabytes": 1000,
    "backups": 10,
    "backup_gigabytes": 1000,
    "per_volume_gigabytes": -1,
    "groups": 10,
}
"""What a project may have unless said otherwise; -1 is no limit."""


class BackendConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A place for volumes: ``driver`` is ``file`` or ``fake``; ``directory`` of ``file`` (default below ``state_dir``)."""

    name: str
    driver: str = "file"
    directory: str | None = None
    capacity_gib: int = 1000


def _backends() -> list[BackendConfig]:
    return [BackendConfig(name="lab1"), BackendConfig(name="lab2")]


class Config(ServiceConfig):
    """``default_volume_type``: for volumes that name none. ``quota``: changes to the usual limits.

    ``export_host``: the address at which hosts reach volumes of driver ``file`` (default: the API's own); ``export_ports``: the
    first and last port of it; ``exports_dir``: sockets of the storage daemons (default below ``state_dir``; paths of sockets
    are short); ``export_starter``: the socket at which systemd starts such a daemon as a unit of its own (without one they
    are processes of the service, and end with it); ``export_tls``: the folder with ca-cert.pem, server-cert.pem and
    server-key.pem (without one exports are plain, and for everybody). ``resume_seconds``: how often exports are looked at.
    """

    state_dir: str = "/var/lib/tinstack/volume"
    backends: list[BackendConfig] = msgspec.field(default_factory=_backends)
    default_volume_type: str = "lab1"
    availability_zone: str = "nova"
    quota: dict[str, int] = {}
    export_host: str | None = None
    export_ports: tuple[int, int] = (10810, 11809)
    exports_dir: str | None = None
    export_starter: str | None = None
    export_tls: str | None = None
    resume_seconds: float = 15.0
