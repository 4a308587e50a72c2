"""Configuration: one TOML file per service, read into a typed Struct and passed in; there is no global configuration.

A string ``"credential:NAME"`` stands for the content of a file (in a unit one of systemd's LoadCredential): no secret stands
in a configuration file.
"""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tinstack.core.errors import ApiError

CREDENTIAL = "credential:"


class ConfigError(ApiError):
    """The file can't be read, has an unknown key or a value of the wrong type; the message names file and place."""

    code = "config"


class HttpConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where a service listens. ``max_body`` in bytes holds for JSON bodies, not for streamed images; ``share_port``: several
    processes of the service listen there, and the kernel spreads connections over them (SO_REUSEPORT)."""

    host: str = "127.0.0.1"
    port: int = 0
    max_body: int = 1024 * 1024
    share_port: bool = False


class DatabaseConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``mysql://USER@HOST:PORT/NAME`` or ``sqlite:///PATH``; ``pool``: connections at the most. With ``ca`` (a file in PEM) they are
    encrypted, and the server must have its certificate from that authority."""

    url: str
    password: str = ""
    ca: str | None = None
    pool: int = 10


class BusConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``amqp://USER@HOST:PORT/VHOST``, ``amqps://…`` (encrypted, the broker's certificate from the authority in ``ca``) or
    ``memory:``. ``side`` is the exchange that this process may write."""

    url: str = "memory:"
    password: str = ""
    ca: str | None = None
    side: str = "controller"


class AuthConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How this service signs in at identity: its own user in the project ``service``. ``ca``: whom the certificates of
    identity and all other services must be from, instead of those whom the system trusts."""

    auth_url: str
    ca: str | None = None
    username: str = ""
    password: str = ""
    project: str = "service"


class HostTls(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Files in PEM: the lab's authority, and this host's certificate and key, for connections between hosts."""

    ca: str
    cert: str
    key: str


class LogConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``file``: also write there, beside the journal (standard error)."""

    level: str = "INFO"
    file: str | None = None


class MetricsConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where Prometheus scrapes this process; ``port`` 0: nowhere. Of several services in one process the first's counts."""

    host: str = "127.0.0.1"
    port: int = 0


class ServiceConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What all services have in common; each derives its own ``Config`` in its ``config.py``.

    ``host``: this host's name. ``policy_file``: overrides of the policy defaults (``policy.yaml``), if it exists.
    """

    auth: AuthConfig
    bus: BusConfig = msgspec.field(default_factory=BusConfig)
    http: HttpConfig = msgspec.field(default_factory=HttpConfig)
    log: LogConfig = msgspec.field(default_factory=LogConfig)
    metrics: MetricsConfig = msgspec.field(default_factory=MetricsConfig)
    database: DatabaseConfig | None = None
    host: str = "localhost"
    region: str = "RegionOne"
    policy_file: str | None = None
    state_dir: str = "/var/lib/tinstack"


C = TypeVar("C", bound=ServiceConfig)


def load(kind: type[C], path: Path, credentials: Path | None = None, prefix: str = "") -> C:
    """Read ``path`` into ``kind``. ``credentials``: the folder of its credentials, whose names begin with ``prefix`` there.
    Raises ConfigError."""
    try:
        document = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    try:
        return msgspec.convert(_with_credentials(document, credentials, path, prefix), kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}.") from error


def _with_credentials(value: Any, credentials: Path | None, path: Path, prefix: str) -> Any:
    if isinstance(value, dict):
        return {key: _with_credentials(item, credentials, path, prefix) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_credentials(item, credentials, path, prefix) for item in value]
    if isinstance(value, str) and value.startswith(CREDENTIAL):
        name = value.removeprefix(CREDENTIAL)
        if credentials is None:
            raise ConfigError(f"{path} names the credential '{name}', but CREDENTIALS_DIRECTORY is not set.")
        try:
            return (credentials / f"{prefix}{name}").read_text().strip()
        except OSError as error:
            raise ConfigError(f"The credential '{name}' named in {path} can't be read: {error.strerror}.") from error
    return value
