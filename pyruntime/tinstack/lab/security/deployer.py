"""The lab's state on the machine that deploys: who may read it, and whether a secret in it can be guessed."""

import stat
from collections.abc import Iterator
from pathlib import Path

PRIVATE = ("secrets.yml", "clouds.yaml", "demo_key", "ca/ca.key", "ca/hosts/*.key", "backups/*")
KNOWN = frozenset(
    ("admin", "changeme", "demo", "guest", "openstack", "password", "rabbit", "root", "secret", "tinstack")
)
SHORTEST = 16


def files(state: Path) -> list[str]:
    """A sentence for each file that others than its owner may read."""
    found = []
    for path in sorted({path for pattern in PRIVATE for path in state.glob(pattern)}):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            found.append(f"{path} has mode {mode:04o} where it is for its owner alone: `chmod go= {path}`.")
    return found


def secrets(state: Path) -> list[str]:
    """A sentence for each secret that is short or everybody's first guess. The secret itself is not told."""
    import yaml  # late: only the tools' environment has it

    document = yaml.safe_load((state / "secrets.yml").read_text()) or {}
    found = []
    for name, value in leaves(document):
        if value.lower() in KNOWN:
            found.append(f"The secret {name} in secrets.yml is one that everybody tries first.")
        elif len(value) < SHORTEST:
            found.append(
                f"The secret {name} in secrets.yml has {len(value)} characters where {SHORTEST} are the least."
            )
    return found


def leaves(document: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Every string of nested mappings and lists, by its path."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from leaves(value, f"{name}.{key}".lstrip("."))
    elif isinstance(document, list):
        for value in document:
            yield from leaves(value, name)
    elif isinstance(document, str):
        yield name, document
