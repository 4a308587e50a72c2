"""The configuration of the image service (``image.toml``)."""

import msgspec

from tinstack.core.config import ServiceConfig

DEFAULT_STORE = "file"


class StoreConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A further store: its name in the API, where its files lie, and its weight (heavier ones are read first)."""

    name: str
    directory: str
    description: str = ""
    weight: int = 0


class DownloadConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the import method web-download may fetch. An empty list of hosts or ports: any.

    ``internal_addresses``: also from loopback, private and link-local addresses, which only this host may reach.
    """

    schemes: list[str] = msgspec.field(default_factory=lambda: ["http", "https"])
    allowed_ports: list[int] = msgspec.field(default_factory=lambda: [80, 443])
    allowed_hosts: list[str] = []
    blocked_hosts: list[str] = []
    internal_addresses: bool = False


class Config(ServiceConfig):
    """``store_dir``, ``store_weight``: of the default store, ``file``. ``image_size_cap``: bytes that an image may have at the most.

    ``convert_to``: the disk format that imported images are converted to by qemu-img ('': none, they stay as they came).
    """

    store_dir: str = "/var/lib/tinstack/image/store"
    store_weight: int = 0
    more_stores: list[StoreConfig] = []
    image_size_cap: int = 1 << 40
    download: DownloadConfig = msgspec.field(default_factory=DownloadConfig)
    convert_to: str = ""
