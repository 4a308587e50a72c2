"""The rules of OAuth 1.0a: signatures by HMAC-SHA1, and tokens from request to access. Source: RFC 5849; extension OS-OAUTH1.

Secrets are needed to check signatures, so they are kept sealed, not hashed.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

import msgspec

from tinstack.core.clock import SECOND, now_us
from tinstack.core.errors import Unauthorized
from tinstack.identity import rows
from tinstack.identity.errors import Invalid, Missing
from tinstack.identity.sealing import Sealer
from tinstack.identity.store import Store, Writer

TIMESTAMP_SECONDS = 600
REQUEST_SECONDS = 28800
ACCESS_SECONDS = 86400
VERIFIER_DIGITS = 8


class BadSignature(Unauthorized):
    """401: consumer, token, verifier or signature are not right."""

    code, message = "identity.oauth1.refused", "The OAuth request is not authorized."


class Signed(msgspec.Struct, frozen=True):
    """A request as it was signed; ``header``: its Authorization, ``query``: its parameters in pairs."""

    method: str
    url: str
    query: Sequence[tuple[str, str]]
    header: str

    def parameters(self) -> dict[str, str]:
        """What the header says, without realm. Raises Invalid."""
        kind, _, text = self.header.partition(" ")
        if kind.lower() != "oauth":
            raise Invalid("The Authorization header of an OAuth request begins with OAuth.")
        found = {}
        for part in text.split(","):
            name, equals, value = part.strip().partition("=")
            if not equals or len(value) < 2 or value[0] != '"' or value[-1] != '"':
                raise Invalid('The Authorization header of an OAuth request is a list of name="value".')
            found[unquote(name)] = unquote(value[1:-1])
        found.pop("realm", None)
        return found

    def parameter(self, name: str) -> str:
        """One of them. Raises Invalid."""
        value = self.parameters().get(name)
        if not value:
            raise Invalid(f"The OAuth request lacks {name}.")
        return value

    def check(self, consumer_secret: str, token_secret: str = "") -> None:
        """Raises BadSignature."""
        given = self.parameters()
        signature = given.pop("oauth_signature", "")
        if given.get("oauth_signature_method") != "HMAC-SHA1" or given.get("oauth_version", "1.0") != "1.0":
            raise BadSignature
        stamp = given.get("oauth_timestamp", "")
        if not stamp.isdecimal() or abs(time.time() - int(stamp)) > TIMESTAMP_SECONDS or not given.get("oauth_nonce"):
            raise BadSignature
        pairs = sorted((_quoted(name), _quoted(value)) for name, value in [*given.items(), *self.query])
        parameters = "&".join(f"{name}={value}" for name, value in pairs)
        text = "&".join((self.method.upper(), _quoted(self.url), _quoted(parameters)))
        key = f"{_quoted(consumer_secret)}&{_quoted(token_secret)}"
        wanted = base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha1).digest()).decode()
        if not hmac.compare_digest(wanted.encode(), signature.encode()):
            raise BadSignature


def _quoted(text: str) -> str:
    return quote(text, safe="-._~")


class OAuth1:
    """Request and access tokens."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store, self._sealer = store, sealer

    async def _consumer(self, signed: Signed) -> rows.Consumer | None:
        return await self._store.one(rows.Consumer, id=signed.parameter("oauth_consumer_key"))

    def _open(self, row: rows.Consumer | rows.RequestToken | rows.AccessToken) -> str:
        return self._sealer.open(row.sealed)

    async def request(self, signed: Signed, project_id: str) -> tuple[rows.RequestToken, str]:
        """A consumer asks to be let in to a project; the token with its secret. Raises Missing, BadSignature, Invalid."""
        consumer = await self._consumer(signed)
        if consumer is None:
            raise Missing(kind="consumer", id=signed.parameter("oauth_consumer_key"))
        signed.check(self._open(consumer))
        secret = secrets.token_hex(16)
        token = rows.RequestToken(
            id=uuid4().hex,
            consumer_id=consumer.id,
            project_id=project_id,
            sealed=self._sealer.seal(secret),
            expires_at=now_us() + REQUEST_SECONDS * SECOND,
        )

        async def work(writer: Writer) -> None:
            if not await writer.there(rows.Consumer, id=consumer.id):
                raise Missing(kind="consumer", id=consumer.id)
            await writer.insert(token)

        await self._store.write(work)
        return token, secret

    async def pending(self, token_id: str) -> rows.RequestToken:
        """A request token that has not ended. Raises Missing, BadSignature."""
        token = await self._store.one(rows.RequestToken, id=token_id)
        if token is None:
            raise Missing(kind="request token", id=token_id)
        if token.expires_at <= now_us():
            raise BadSignature
        return token

    async def authorize(self, token: rows.RequestToken, user_id: str, roles: list[str]) -> str:
        """A user lets the consumer have these roles; the verifier that it must show. Raises Missing."""
        verifier = "".join(secrets.choice("0123456789") for _ in range(VERIFIER_DIGITS))
        granted = msgspec.structs.replace(token, user_id=user_id, roles=roles, verifier=verifier)
        if not await self._store.write(lambda writer: writer.replace(granted)):
            raise Missing(kind="request token", id=token.id)
        return verifier

    async def access(self, signed: Signed) -> tuple[rows.AccessToken, str]:
        """A consumer trades a request token that was granted; the access token with its secret. Raises BadSignature."""
        verifier = signed.parameter("oauth_verifier")
        asked = await self.pending(signed.parameter("oauth_token"))
        consumer = await self._consumer(signed)
        if consumer is None or asked.consumer_id != consumer.id or asked.verifier is None or asked.user_id is None:
            raise BadSignature
        if not hmac.compare_digest(asked.verifier.encode(), verifier.encode()):
            raise BadSignature
        signed.check(self._open(consumer), self._open(asked))
        secret = secrets.token_hex(16)
        token = rows.AccessToken(
            id=uuid4().hex,
            consumer_id=consumer.id,
            user_id=asked.user_id,
            project_id=asked.project_id,
            sealed=self._sealer.seal(secret),
            expires_at=now_us() + ACCESS_SECONDS * SECOND,
            roles=asked.roles,
        )

        async def work(writer: Writer) -> None:
            if not await writer.delete(rows.RequestToken, id=asked.id):
                raise BadSignature
            await writer.insert(token)

        await self._store.write(work)
        return token, secret

    async def verify(self, signed: Signed, tokens: dict[str, rows.AccessToken]) -> rows.AccessToken:
        """The access token by which a sign-in is signed. Raises BadSignature, Invalid."""
        token = tokens.get(signed.parameter("oauth_token"))
        consumer = await self._consumer(signed)
        if token is None or consumer is None or token.consumer_id != consumer.id or ended(token):
            raise BadSignature
        signed.check(self._open(consumer), self._open(token))
        return token


def ended(token: rows.AccessToken) -> bool:
    """Whether its time is over."""
    return 0 < token.expires_at <= now_us()


def new_secret() -> str:
    """For a consumer."""
    return secrets.token_hex(16)


def form(values: dict[str, Any]) -> bytes:
    """An answer as OAuth writes them; nothing in ours needs escaping."""
    return "&".join(f"{name}={value}" for name, value in values.items()).encode()
