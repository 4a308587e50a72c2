"""Names that follow from what a user says: hostnames, names of several servers, passwords."""

import re
import secrets
from ipaddress import ip_address

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
PASSWORD_LENGTH = 12
LABEL = 63


def hostname_of(name: str, id: str) -> str:
    """A host name made of a server's display name, as Nova's ``sanitize_hostname`` does."""
    text = name.encode("latin-1", "ignore").decode("latin-1")
    text = re.sub(r"[ _]", "-", text)
    text = re.sub(r"[^\w.-]", "", text, flags=re.ASCII).lower().replace(".", "-")
    text = re.sub(r"-{2,}", "-", text)[:LABEL].strip("-")
    return text or f"server-{id}"


def numbered(name: str, at: int, count: int) -> str:
    """``web-2`` for the second of several."""
    return name if count == 1 else f"{name}-{at + 1}"


def password() -> str:
    """A password for the guest's administrator."""
    return "".join(secrets.choice(ALPHABET) for _ in range(PASSWORD_LENGTH))


def canonical(address: str | None) -> str | None:
    """An IP address in the one form that it is kept and shown in (RFC 5952); None for none or an empty one."""
    return str(ip_address(address)) if address else None


def reservation() -> str:
    """``r-`` and eight letters: what the servers of one request share."""
    return "r-" + "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(8))
