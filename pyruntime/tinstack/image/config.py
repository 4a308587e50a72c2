"""The configuration of the image service (``image.toml``)."""

from tinstack.core.config import ServiceConfig


class Config(ServiceConfig):
    """``store_dir``: where images lie, one file each. ``image_size_cap``: bytes that an image may have at the most."""

    store_dir: str = "/var/lib/tinstack/image/store"
    image_size_cap: int = 1 << 40
