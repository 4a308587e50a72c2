"""REST from one of our services to another: signs in at identity, finds endpoints in the catalog, passes the request id on."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from tinstack.core.clock import SECOND, now_us, parse_iso
from tinstack.core.config import AuthConfig
from tinstack.core.context import Context, request_id_of_task
from tinstack.core.errors import ApiError, Unavailable
from tinstack.core.tls import trusting

SECONDS = 30.0
"""Nobody bounds a silence by less."""
KEEP_SECONDS = 25.0
"""For which a connection waits for its next request. Less than a silence may last: when the end of a long body comes while its
reader is behind, aiohttp bounds the silence after it as well, and who asks on that connection later would get that timeout."""
MARKUP = re.compile(r"<(title|h1)>.*?</\1>|<[^>]*>|<[^>]*$", re.DOTALL)
"""Of a page of HTML: all but the sentence in it."""
EARLY = 60 * SECOND
"""A token is renewed that long before it ends."""


class ServiceUnreachable(Unavailable):
    """503: no connection, or no answer in time."""

    code, message = "service.unreachable", "{service} at {url} can't be reached: {reason}."


class RemoteError(ApiError):
    """Another service answered with an error; ``remote_status`` is its status, ``text`` its own sentence."""

    def __init__(self, service: str, status: int, text: str) -> None:
        super().__init__(text)
        self.service, self.remote_status = service, status


class RemoteAway(RemoteError, Unavailable):
    """503: what another service, or the gateway before it, answers while it starts anew or is overloaded."""


AWAY = (502, 503, 504)


def may_have_been_done(error: ApiError) -> bool:
    """Whether nobody knows what became of the request: the service was out of reach or failed, it did not refuse."""
    if isinstance(error, RemoteError):
        return error.remote_status >= 500
    return isinstance(error, Unavailable)


class Answer:
    """A whole answer."""

    __slots__ = ("data", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.status, self.headers, self.data = status, headers, data

    def json(self) -> Any:
        """The body."""
        return msgspec.json.decode(self.data)


def sentence_of(data: bytes) -> str:
    """The one sentence in the error body of any OpenStack service."""
    try:
        body = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return " ".join(MARKUP.sub(" ", data[:1000].decode(errors="replace")).split())[:300] or "no reason given"
    while isinstance(body, dict | list):
        if isinstance(body, list):
            body = body[0] if body else ""
            continue
        body = body.get("message") or body.get("detail") or next(iter(body.values()), "")
    return str(body)


class Http:
    """A pool of connections; hosts use it with the URLs and the launch token that the conductor gives them. ``ca``: the authority
    that services' certificates must be from."""

    def __init__(self, ca: str | None = None) -> None:
        self._ca = ca
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The pool, opened at first use in the running loop."""
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0, limit_per_host=64, keepalive_timeout=KEEP_SECONDS, ssl=trusting(self._ca) or True
            )
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        return self._session

    async def close(self) -> None:
        """Close the pool."""
        if self._session:
            await self._session.close()

    async def send(
        self,
        method: str,
        url: str,
        *,
        token: str | None = None,
        json: Any = None,
        data: bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        service: str = "service",
        ok: tuple[int, ...] = (),
        seconds: float = SECONDS,
    ) -> Answer:
        """One request. Raises RemoteError for a status of 400 or more that is not in ``ok``, ServiceUnreachable."""
        async with self.stream(
            method, url, token=token, json=json, data=data, headers=headers, service=service, ok=ok, seconds=seconds
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        token: str | None = None,
        json: Any = None,
        data: bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        service: str = "service",
        ok: tuple[int, ...] = (),
        seconds: float = SECONDS,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The same with the body unread: ``response.content.iter_chunked(n)``. ``seconds`` bounds the silence."""
        sent = {"X-OpenStack-Request-Id": request_id_of_task.get(), **(headers or {})}
        if token:
            sent["X-Auth-Token"] = token
        if json is not None:
            data = msgspec.json.encode(json)
            sent.setdefault("Content-Type", "application/json")
        timeout = aiohttp.ClientTimeout(total=None, connect=5, sock_read=seconds)
        try:
            async with self.session.request(
                method, URL(url, encoded=True), data=data, headers=sent, timeout=timeout
            ) as response:
                if response.status >= 400 and response.status not in ok:
                    refused = RemoteAway if response.status in AWAY else RemoteError
                    raise refused(service, response.status, sentence_of(await response.read()))
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ServiceUnreachable(
                service=service, url=url.split("?")[0], reason=str(error) or type(error).__name__
            ) from error


class Session(Http):
    """A service signed in as itself."""

    def __init__(self, auth: AuthConfig, region: str = "RegionOne") -> None:
        super().__init__(auth.ca)
        self.auth, self.region = auth, region
        self._token, self._expires = "", 0
        self._endpoints: dict[str, str] = {}
        self._signing_in = asyncio.Lock()

    async def token(self) -> str:
        """Our token, renewed before it ends."""
        if now_us() + EARLY < self._expires:
            return self._token
        async with self._signing_in:
            if now_us() + EARLY >= self._expires:
                await self._sign_in()
        return self._token

    async def on_behalf(self, context: Context) -> dict[str, str]:
        """Headers for a request with a user's token that we make ourselves: access rules are for what the user asks."""
        return {} if context.access_rules is None else {"X-Service-Token": await self.token()}

    async def endpoint(self, service_type: str) -> str:
        """The internal (else public) URL of a service, from the catalog. Raises ServiceUnreachable if it has none."""
        await self.token()
        if service_type not in self._endpoints:
            raise ServiceUnreachable(service=service_type, url="the catalog", reason="it has no such endpoint")
        return self._endpoints[service_type]

    async def request(
        self,
        method: str,
        service_type: str,
        path: str,
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        version: str | None = None,
        ok: tuple[int, ...] = (),
        seconds: float = SECONDS,
    ) -> Answer:
        """As this service, to ``endpoint + path``; ``version``: a microversion. Signs in again once after a 401."""
        sent = dict(headers or {})
        if version:
            sent["OpenStack-API-Version"] = f"{service_type} {version}"
        url = await self.endpoint(service_type) + path
        for fresh in (False, True):
            token = await self.token()
            try:
                return await self.send(
                    method, url, token=token, json=json, headers=sent, service=service_type, ok=ok, seconds=seconds
                )
            except RemoteError as error:
                if error.remote_status != 401 or fresh:
                    raise
                self._expires = 0
        raise AssertionError("unreachable")

    async def _sign_in(self) -> None:
        domain = {"id": "default"}
        body = {
            "auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {
                        "user": {"name": self.auth.username, "domain": domain, "password": self.auth.password}
                    },
                },
                "scope": {"project": {"name": self.auth.project, "domain": domain}},
            }
        }
        answer = await self.send("POST", f"{self.auth.auth_url}/auth/tokens", json=body, service="identity")
        token = answer.json()["token"]
        self._endpoints = _endpoints(token.get("catalog", []), self.region)
        self._token = answer.headers["X-Subject-Token"]
        self._expires = parse_iso(token["expires_at"])

    async def wait_until_signed_in(self, seconds: float) -> None:
        """For a service that starts beside identity: try until ``seconds`` have passed."""
        end = time.monotonic() + seconds
        while True:
            try:
                await self.token()
                return
            except ApiError:
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(0.2)


def _endpoints(catalog: list[dict[str, Any]], region: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for interface in ("public", "internal"):
        for entry in catalog:
            for endpoint in entry["endpoints"]:
                if endpoint["interface"] == interface and endpoint["region_id"] == region:
                    found[entry["type"]] = endpoint["url"].rstrip("/")
    return found
