"""Small folders of text files that another program watches: each file appears whole, by rename."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path


def read_all(folder: Path) -> dict[str, str]:
    """Path below the folder → content; leftovers of an interrupted write are none."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def write_all(folder: Path, write: Mapping[str, str] | None, remove: Iterable[str] = ()) -> None:
    """Write some and remove some; None removes the whole folder. Readable by all, whatever the umask: the reader is another
    user."""
    if write is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in (folder.parent, folder, folder / "hosts", folder / "names", folder / "options"):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)
    for name, text in write.items():
        target = folder / name
        new = target.with_name(f".{target.name}")
        new.write_text(text)
        new.chmod(0o644)
        os.replace(new, target)
    for name in remove:
        (folder / name).unlink(missing_ok=True)
