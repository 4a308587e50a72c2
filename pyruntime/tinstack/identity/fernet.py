"""Fernet tokens: all of a token is in the token, encrypted and signed; nothing is stored. Source: the Fernet specification.

The payload is a msgpack array; ids that are UUIDs travel as their 16 bytes.
"""

import base64
import binascii
import secrets
from typing import Any

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from tinstack.core.config import ConfigError
from tinstack.core.context import LaunchClaims
from tinstack.core.errors import Unauthorized
from tinstack.identity.snapshot import Scope

METHODS = ("password", "token", "application_credential", "launch", "oauth1", "ec2credential")
"""Bits of a token in this order: new ones go to the end."""
KINDS = ("", "project", "domain", "system")
LONGEST = 4096


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says. Times in microseconds. ``audit_ids``: its own, and that of the first of its chain if another."""

    user_id: str
    methods: tuple[str, ...]
    scope: Scope
    issued_at: int
    expires_at: int
    audit_ids: tuple[str, ...]
    application_credential_id: str | None = None
    launch: LaunchClaims | None = None
    trust_id: str | None = None
    access_token_id: str | None = None

    @property
    def delegated(self) -> bool:
        """Whether it stands for some of its user's roles only, by that user's leave."""
        return bool(self.trust_id or self.application_credential_id or self.access_token_id)


class _Payload(msgspec.Struct, array_like=True, omit_defaults=True):
    user: Any
    methods: int
    kind: int
    scope: Any
    issued: int
    expires: int
    audits: list[bytes]
    credential: Any = None
    launch: list[Any] | None = None
    trust: Any = None
    access: Any = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Payload).decode


def new_audit_id() -> str:
    """16 random bytes as 22 characters."""
    return _text(secrets.token_bytes(16))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _pack(identifier: str | None) -> Any:
    """A UUID in either of its usual forms as a pair of bytes and form, which is shorter than its text."""
    if identifier is None:
        return None
    plain = identifier.replace("-", "")
    if len(plain) == 32 and all(char in "0123456789abcdef" for char in plain):
        raw = bytes.fromhex(plain)
        if identifier == plain:
            return raw
        if identifier == _dashed(plain):
            return [raw]
    return identifier


def _unpack(packed: Any) -> Any:
    if isinstance(packed, bytes):
        return packed.hex()
    if isinstance(packed, list):
        return _dashed(packed[0].hex())
    return packed


def _pack_claims(claims: LaunchClaims) -> list[Any]:
    lists = [[_pack(id) for id in ids] for ids in (claims.ports, claims.volumes, claims.networks)]
    return [claims.host, _pack(claims.server), _pack(claims.image), *lists, _pack(claims.operation), claims.attempt]


def _unpack_claims(packed: list[Any]) -> LaunchClaims:
    host, server, image, ports, volumes, *later = packed
    networks, operation, attempt = (
        later if len(later) == 3 else (later[0] if later else [], None, 1)
    )  # an older version's
    return LaunchClaims(
        host=host,
        server=_unpack(server),
        image=_unpack(image),
        ports=tuple(_unpack(port) for port in ports),
        volumes=tuple(_unpack(volume) for volume in volumes),
        networks=tuple(_unpack(network) for network in networks),
        operation=_unpack(operation),
        attempt=attempt,
    )


def _dashed(plain: str) -> str:
    return f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}"


class Codec:
    """Makes and opens tokens with rotating keys: the newest makes, all open."""

    def __init__(self, keys: str) -> None:
        lines = keys.split()
        if not lines:
            raise ConfigError(
                "fernet_keys holds no key; one URL-safe base64 key of 32 bytes per line is expected, newest first."
            )
        try:
            self._fernet = MultiFernet([Fernet(line) for line in lines])
        except (ValueError, binascii.Error) as error:
            raise ConfigError("fernet_keys holds a line that is no URL-safe base64 key of 32 bytes.") from error

    def seal(self, token: Token) -> str:
        """The token's text."""
        payload = _Payload(
            user=_pack(token.user_id),
            methods=sum(1 << METHODS.index(method) for method in token.methods),
            kind=KINDS.index(token.scope.kind),
            scope=_pack(token.scope.id),
            issued=token.issued_at,
            expires=token.expires_at,
            audits=[_bytes(audit) for audit in token.audit_ids],
            credential=_pack(token.application_credential_id),
            launch=_pack_claims(token.launch) if token.launch else None,
            trust=_pack(token.trust_id),
            access=_pack(token.access_token_id),
        )
        return self._fernet.encrypt(_encode(payload)).decode().rstrip("=")

    def open(self, text: str) -> Token:
        """What a token says, whether or not it still holds. Raises Unauthorized for what we did not make."""
        if not text or len(text) > LONGEST or not text.isascii():
            raise Unauthorized
        try:
            payload = _decode(self._fernet.decrypt(text + "=" * (-len(text) % 4)))
        except (InvalidToken, msgspec.DecodeError, ValueError) as error:
            raise Unauthorized from error
        return Token(
            user_id=_unpack(payload.user),
            methods=tuple(method for bit, method in enumerate(METHODS) if payload.methods & 1 << bit),
            scope=Scope(KINDS[payload.kind], _unpack(payload.scope)),
            issued_at=payload.issued,
            expires_at=payload.expires,
            audit_ids=tuple(_text(audit) for audit in payload.audits),
            application_credential_id=_unpack(payload.credential),
            launch=_unpack_claims(payload.launch) if payload.launch else None,
            trust_id=_unpack(payload.trust),
            access_token_id=_unpack(payload.access),
        )
