"""Secrets that must be readable again (EC2 keys, OAuth secrets, passwords of a domain's directory): encrypted where they are kept."""

import binascii

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from tinstack.core.config import ConfigError
from tinstack.core.errors import ApiError


class Unreadable(ApiError):
    """500: it was sealed with a key that is not configured any more."""

    code = "identity.unreadable"
    message = "A stored secret can't be read with the configured credential keys."


class Sealer:
    """Fernet with rotating keys: the newest seals, all open."""

    def __init__(self, keys: str) -> None:
        lines = keys.split()
        if not lines:
            raise ConfigError(
                "credential_keys holds no key; one URL-safe base64 key of 32 bytes per line is expected, newest first."
            )
        try:
            self._fernet = MultiFernet([Fernet(line) for line in lines])
        except (ValueError, binascii.Error) as error:
            raise ConfigError("credential_keys holds a line that is no URL-safe base64 key of 32 bytes.") from error

    def seal(self, text: str) -> str:
        """What is kept."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text. Raises Unreadable."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken as error:
            raise Unreadable from error
