"""Hashes of passwords and secrets."""

import base64
import hashlib

import bcrypt
import pytest

from tinstack.identity.passwords import Hashing, hash_password, hash_secret, matches

SECRET = "ab" * 16


def _scrypt(password: str) -> str:
    digest = hashlib.scrypt(password.encode(), salt=b"saltsalt", n=1 << 10, r=8, p=1, dklen=32)
    salt, checksum = (base64.b64encode(part).decode().rstrip("=").replace("+", ".") for part in (b"saltsalt", digest))
    return f"$scrypt$ln=10,r=8,p=1${salt}${checksum}"


@pytest.mark.parametrize(
    "kept",
    [
        hash_password(SECRET),
        hash_secret(SECRET),
        bcrypt.hashpw(SECRET.encode(), bcrypt.gensalt(4)).decode(),
        _scrypt(SECRET),
    ],
    ids=["argon2id", "machine", "bcrypt", "scrypt"],
)
def test_every_kind_of_hash_knows_its_password_and_no_other(kept: str) -> None:
    assert matches(kept, SECRET)
    assert not matches(kept, SECRET + "x")


@pytest.mark.parametrize("kept", ["", "plain", "$2b$broken", "$scrypt$broken", "$argon2id$broken", "$tinstack-sha256$"])
def test_a_hash_that_cannot_be_read_matches_nothing(kept: str) -> None:
    assert not matches(kept, "plain")


def test_people_get_argon2id_at_the_agreed_cost() -> None:
    assert hash_password("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_short_secret_is_no_machine_secret() -> None:
    with pytest.raises(ValueError, match="32"):
        hash_secret("hunter2")


async def test_nobody_has_no_password() -> None:
    hashing = Hashing()
    assert not await hashing.verify(None, "anything")
    assert await hashing.verify(hash_password("pw"), "pw")
    hashing.close()
