#!/usr/bin/python
"""Ansible module: the files that images and volumes lie in on this host."""

import os
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: backup_catalogue
short_description: List the files of images and volumes, and which of them are being written
description: Looks only. A disk that a guest or an export has open can't be copied as it stands, as it changes meanwhile.
options:
  images: {description: Folders of images., type: list, elements: path, default: []}
  volumes: {description: Folders of volumes., type: list, elements: path, default: []}
"""

EXAMPLES = r"""
- name: List them
  backup_catalogue: {volumes: [/var/lib/tinstack/volume/volumes]}
"""

RETURN = r"""
files:
  description: "For each file V(kind), V(path) without its leading slash, V(bytes), V(allocated) and V(open)."
  type: list
  returned: always
"""


def is_open(path: Path) -> bool:
    """Whether somebody writes it. QEMU locks what it writes; qemu-img asks for the lock."""
    done = subprocess.run(["qemu-img", "info", str(path)], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    return done.returncode != 0 and b"lock" in done.stderr


def files(kind: str, folder: str) -> list[dict[str, object]]:
    """All regular files below a folder."""
    found: list[dict[str, object]] = []
    for path in sorted(Path(folder).rglob("*")):
        if path.is_symlink() or not path.is_file() or path.suffix == ".part":
            continue
        stat = os.stat(path)
        found.append(
            {
                "kind": kind,
                "path": str(path).lstrip("/"),
                "bytes": stat.st_size,
                "allocated": stat.st_blocks * 512,
                "open": kind == "volumes" and is_open(path),
            }
        )
    return found


def main() -> None:
    """Look."""
    module = AnsibleModule(
        argument_spec={kind: {"type": "list", "elements": "path", "default": []} for kind in ("images", "volumes")},
        supports_check_mode=True,
    )
    found = [one for kind in ("images", "volumes") for folder in module.params[kind] for one in files(kind, folder)]
    module.exit_json(changed=False, files=found)


if __name__ == "__main__":
    main()
