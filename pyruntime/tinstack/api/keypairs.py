"""Key pairs: reading public keys, making pairs. No HTTP, no SQL."""

import base64
import binascii
import hashlib
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tinstack.api.errors import Invalid

RSA_BITS = 2048
_SAFE = "_- abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class InvalidKey(Invalid):
    """400: the public key can't be read."""

    code = "compute.keypair.invalid"
    message = "Keypair data is invalid: {reason}"


class Pair(NamedTuple):
    """A key. ``private_key`` is None where the user brought the public one."""

    public_key: str
    fingerprint: str
    private_key: str | None = None


def check_name(name: str, more: str = "") -> None:
    """Raises InvalidKey for a name with other characters than letters, digits, ``_``, ``-``, space and those in ``more``."""
    if not name.strip() or any(char not in _SAFE + more for char in name):
        raise InvalidKey(reason="Keypair name contains unsafe characters")


def _colons(digest: bytes) -> str:
    text = binascii.hexlify(digest).decode()
    return ":".join(text[at : at + 2] for at in range(0, len(text), 2))


def read(public_key: str, kind: str) -> Pair:
    """A public key that the user brings. Raises InvalidKey."""
    if kind == "x509":
        return _read_x509(public_key)
    words = public_key.split(None, 2)
    try:
        serialization.load_ssh_public_key(" ".join(words[:2]).encode())
        blob = base64.b64decode(words[1], validate=True)
    except Exception as error:
        raise InvalidKey(reason="failed to generate fingerprint") from error
    return Pair(public_key, _colons(hashlib.md5(blob, usedforsecurity=False).digest()))


def _read_x509(public_key: str) -> Pair:
    text = public_key
    try:
        if "BEGIN CERTIFICATE" not in text:
            text = base64.b64decode(text).decode()
        certificate = x509.load_pem_x509_certificate(text.encode())
    except Exception as error:
        raise InvalidKey(reason="failed to generate X509 fingerprint. Error message: not a certificate") from error
    return Pair(public_key, _colons(certificate.fingerprint(hashes.SHA1())))


def generate(kind: str, owner: str) -> Pair:
    """A new pair; slow (a key is made): call it in a thread."""
    key = rsa.generate_private_key(65537, RSA_BITS)
    if kind == "x509":
        return _generate_x509(key, owner)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return Pair(*read(public.decode() + " Generated-by-tinstack", "ssh")[:2], private.decode())


def _generate_x509(key: rsa.RSAPrivateKey, owner: str) -> Pair:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, owner[:64])])
    now = datetime.now(UTC)
    upn = b"\x0c" + bytes([min(len(owner), 100) + 10]) + owner[:100].encode() + b"@localhost"
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), upn)]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return Pair(*read(public, "x509")[:2], private.decode())
