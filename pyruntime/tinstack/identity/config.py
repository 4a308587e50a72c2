"""Configuration of the identity service (``identity.toml``)."""

from tinstack.core.config import ServiceConfig


class Config(ServiceConfig, kw_only=True, forbid_unknown_fields=True):
    """``fernet_keys``: token keys, one per line, newest first (``"credential:fernet"``); the others still open old tokens.

    ``credential_keys``: keys of the same form, by which credentials and other secrets that must be readable again are kept.
    ``token_seconds``: life of a token; for ``allow_expired_seconds`` more our services can have it validated
    (``allow_expired=1``), to end what they began with it. ``lockout_attempts`` wrong passwords in a row lock a person's account for
    ``lockout_seconds`` (0 attempts: never). ``unique_last_passwords``: a person may not choose one of that many last
    passwords again (0: no history). ``launch_token_seconds``: the longest life of a launch token.
    """

    fernet_keys: str
    credential_keys: str
    token_seconds: int = 3600
    allow_expired_seconds: int = 172800
    launch_token_seconds: int = 3600
    lockout_attempts: int = 5
    lockout_seconds: int = 300
    unique_last_passwords: int = 0
