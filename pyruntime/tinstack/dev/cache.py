"""Where what can be made again is kept: environments, wheels, the hosts' base, the guest image, unpacked packages."""

import os
from pathlib import Path


def cache() -> Path:
    """``$XDG_CACHE_HOME/tinstack``."""
    home = os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME", "/root")) / ".cache"
    return Path(home) / "tinstack"
