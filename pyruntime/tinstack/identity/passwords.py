"""Passwords and secrets as they are kept.

People's: argon2id (m=19 MiB, t=2, p=1). Secrets that a machine made of 128 random bits and more need no slow hash: salted
SHA-256, marked ``$tinstack-sha256$``. Hashes that come with imported users (bcrypt, scrypt in modular form) are verified only.
"""

import asyncio
import base64
import ctypes
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import argon2
import bcrypt

MARK = "$tinstack-sha256$"
LEAST_SECRET = 32
"""Characters of a machine's secret at the least: 128 bits in hex."""

MMAP_THRESHOLD, KIB_128 = -3, 128 << 10

if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
    # glibc raises this bound to the size of what was freed last, and then keeps the 19 MiB of each hashing thread for good.
    mallopt(MMAP_THRESHOLD, KIB_128)

_hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_secret(secret: str) -> str:
    """For generated secrets only. Raises ValueError for one that is too short to be one."""
    if len(secret) < LEAST_SECRET:
        raise ValueError(f"a machine's secret has {LEAST_SECRET} characters at least")
    salt = secrets.token_hex(16)
    return f"{MARK}{salt}${_digest(salt, secret)}"


def secret_matches(kept: str, given: str) -> bool:
    """Against the result of ``hash_secret``."""
    salt, _, digest = kept.removeprefix(MARK).partition("$")
    return kept.startswith(MARK) and hmac.compare_digest(digest, _digest(salt, given))


def _digest(salt: str, secret: str) -> str:
    return hashlib.sha256(bytes.fromhex(salt) + secret.encode()).hexdigest()


def hash_password(password: str) -> str:
    """argon2id; about 70 ms of one core."""
    return _hasher.hash(password)


def matches(kept: str, given: str) -> bool:
    """Against any kind of hash that is kept; an unknown kind matches nothing."""
    if kept.startswith(MARK):
        return secret_matches(kept, given)
    if kept.startswith("$argon2"):
        try:
            return _hasher.verify(kept, given)
        except (
            argon2.exceptions.VerifyMismatchError,
            argon2.exceptions.VerificationError,
            argon2.exceptions.InvalidHashError,
        ):
            return False
    if kept.startswith(("$2a$", "$2b$", "$2y$")):
        return _quiet(_bcrypt_matches, kept, given)
    if kept.startswith("$scrypt$"):
        return _quiet(_scrypt_matches, kept, given)
    return False


def _quiet(check: Callable[[str, str], bool], kept: str, given: str) -> bool:
    """A hash that can't be read matches nothing."""
    try:
        return check(kept, given)
    except (ValueError, KeyError):
        return False


def _bcrypt_matches(kept: str, given: str) -> bool:
    return bcrypt.checkpw(given.encode()[:72], kept.encode())


def _scrypt_matches(kept: str, given: str) -> bool:
    _, _, parameters, salt, digest = kept.split("$")
    cost = {name: int(value) for name, value in (part.split("=") for part in parameters.split(","))}
    wanted = _unpadded(digest)
    n, r = 1 << cost["ln"], cost["r"]
    got = hashlib.scrypt(
        given.encode(), salt=_unpadded(salt), n=n, r=r, p=cost["p"], maxmem=256 * n * r, dklen=len(wanted)
    )
    return hmac.compare_digest(got, wanted)


def _unpadded(text: str) -> bytes:
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4))


class Hashing:
    """The slow functions in threads, one per core; unknown users cost what known ones cost."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="password")
        self._nobody: asyncio.Future[str] | None = None

    async def hash(self, password: str) -> str:
        """argon2id."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, hash_password, password)

    async def verify(self, kept: str | None, given: str) -> bool:
        """Whether ``given`` is right; None (nobody of that name, or no password) is wrong and takes as long."""
        if kept is not None and secret_matches(kept, given):
            return True
        if self._nobody is None:
            self._nobody = asyncio.ensure_future(self.hash(secrets.token_hex(16)))
        against = await asyncio.shield(self._nobody) if kept is None or kept.startswith(MARK) else kept
        right = await asyncio.get_running_loop().run_in_executor(self._threads, matches, against, given)
        return right and against is kept

    async def any(self, kept: list[str], given: str) -> bool:
        """Whether ``given`` is one of several."""
        for one in kept:
            if await self.verify(one, given):
                return True
        return False

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False)
