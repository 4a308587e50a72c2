"""The files of noVNC, as Debian packages them."""

import mimetypes
from pathlib import Path

TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2", ".oga": "audio/ogg"}
"""What ``mimetypes`` may know by another name, or not at all."""


class Pages:
    """``folder``: may be absent, on a machine that only develops."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    @property
    def there(self) -> bool:
        """Whether there are any."""
        return self._folder.is_dir()

    def read(self, path: str) -> tuple[str, bytes] | None:
        """Content type and content; None where there is no such file below the folder."""
        file = (self._folder / path.lstrip("/")).resolve()
        if not file.is_relative_to(self._folder) or not file.is_file():
            return None
        kind = TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return kind, file.read_bytes()
