"""The secrets of a dev cloud: made once, kept in ``secrets.json`` (0600) of its state."""

import os
import secrets
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet

SERVICE_USERS = ("placement", "image", "volume", "network", "conductor", "scheduler", "api", "console")


class Secrets(msgspec.Struct, kw_only=True):
    """Passwords are hex of 128 random bits and more; ``fernet``: token keys, ``credentials``: keys of secrets that
    identity keeps readable; both newest first."""

    admin: str
    demo: str
    fernet: list[str]
    credentials: list[str] = []
    metadata: str
    services: dict[str, str]
    databases: str
    bus: str


def of_state(state: Path) -> Secrets:
    """Read them, or make them."""
    path = state / "secrets.json"
    if path.exists():
        kept = msgspec.json.decode(path.read_bytes(), type=Secrets)
        missing = [name for name in SERVICE_USERS if name not in kept.services]
        if missing or not kept.credentials:  # made before there were these
            kept.credentials = kept.credentials or [Fernet.generate_key().decode()]
            kept.services |= {name: secrets.token_hex(32) for name in missing}
            write_private(path, msgspec.json.encode(kept))
        return kept
    made = Secrets(
        admin=secrets.token_urlsafe(15),
        demo=secrets.token_urlsafe(15),
        fernet=[Fernet.generate_key().decode()],
        credentials=[Fernet.generate_key().decode()],
        metadata=secrets.token_hex(32),
        services={name: secrets.token_hex(32) for name in SERVICE_USERS},
        databases=secrets.token_hex(16),
        bus=secrets.token_hex(16),
    )
    write_private(path, msgspec.json.encode(made))
    return made


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    beside.replace(path)
