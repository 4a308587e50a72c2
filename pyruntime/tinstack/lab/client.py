"""A small client of OpenStack APIs: password to token, catalog to endpoint, JSON in and out. Standard library alone.

Source: Identity API v3, "Password authentication with scoped authorization"; the services' API references for error bodies.
"""

import ssl
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from tinstack.lab.clouds import Cloud
from tinstack.lab.words import LabError

TIMEOUT = 30.0
"""Seconds for one answer."""

IDLE = 2.0
"""Seconds after which a kept connection is made anew: services hang up on idle ones."""

ALIASES = {"block-storage": ("block-storage", "volumev3", "block-store")}
"""Types under which a service may stand in the catalog. Source: the service types authority."""

Query = dict[str, str | int]


class ApiError(LabError):
    """A service answered with an error, or not at all (status 0)."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Client:
    """One user's view of one cloud. Asks for its token when it is first needed."""

    def __init__(self, cloud: Cloud, timeout: float = TIMEOUT) -> None:
        self.cloud = cloud
        self._timeout = timeout
        self._token: str | None = None
        self._endpoints: dict[str, str] = {}
        self._connections: dict[tuple[str, str], HTTPConnection] = {}
        self._used: dict[tuple[str, str], float] = {}

    def again(self) -> "Client":
        """The same user with the same token, for another thread: connections are not shared."""
        self._authenticate()
        made = Client(self.cloud, self._timeout)
        made._token, made._endpoints = self._token, self._endpoints
        return made

    def endpoints(self) -> dict[str, str]:
        """Type of each service in the catalog and its URL on the wanted interface."""
        self._authenticate()
        return dict(self._endpoints)

    def get(self, service: str, path: str, query: Query | None = None, *, version: str | None = None) -> Any:
        """The JSON at a path of the service of that type. `version` is a microversion of it."""
        return self.send("GET", service, path + (f"?{urlencode(query)}" if query else ""), version=version)

    def send(
        self,
        method: str,
        service: str,
        path: str,
        body: object = None,
        *,
        version: str | None = None,
        data: bytes = b"",
    ) -> Any:
        """Any request to the service of that type: a JSON body, or `data` as it is. The JSON of the answer, None without one."""
        headers = {"Accept": "application/json", "X-Auth-Token": self._authenticate()}
        if version is not None:
            headers["OpenStack-API-Version"] = f"{'volume' if service == 'block-storage' else service} {version}"
        if body is not None or data:
            headers["Content-Type"] = "application/octet-stream" if data else "application/json"
        return self._exchange(service, method, self._endpoint(service) + path, headers, body, data)[1]

    def pages(self, service: str, path: str, key: str, query: Query, *, version: str | None = None) -> Iterator[Any]:
        """All rows of a list that is paged by `marker`, `query["limit"]` at a time."""
        while True:
            rows = self.get(service, path, query, version=version)[key]
            yield from rows
            if len(rows) < int(query["limit"]):
                return
            query = {**query, "marker": rows[-1]["id"]}

    def _authenticate(self) -> str:
        if self._token is None:
            url = self.cloud.auth.auth_url.rstrip("/") + "/auth/tokens"
            headers, body = self._exchange(
                "identity", "POST", url, {"Content-Type": "application/json"}, login(self.cloud)
            )
            self._endpoints = dict(catalog(body["token"].get("catalog", []), self.cloud))
            self._token = headers["X-Subject-Token"]
        return self._token

    def _endpoint(self, service: str) -> str:
        for kind in ALIASES.get(service, (service,)):
            if kind in self._endpoints:
                return self._endpoints[kind].rstrip("/")
        raise ApiError(0, f"The catalog has no {service} service in region {self.cloud.region_name}.")

    def _exchange(
        self, service: str, method: str, url: str, headers: dict[str, str], body: object = None, data: bytes = b""
    ) -> tuple[dict[str, str], Any]:
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        sent = (data or None) if body is None else msgspec.json.encode(body)
        connection = self._connection(parts.scheme, parts.netloc)
        try:
            connection.request(method, target, sent, headers)
            response = connection.getresponse()
            status, answered, raw = response.status, dict(response.getheaders()), response.read()
        except (OSError, HTTPException) as error:
            self._connections.pop((parts.scheme, parts.netloc), None)
            raise ApiError(
                0, f"The {service} service does not answer at {parts.scheme}://{parts.netloc}: {error}."
            ) from None
        try:
            decoded = msgspec.json.decode(raw) if raw else None
        except msgspec.DecodeError:
            decoded = None
        if status >= 400:
            raise ApiError(
                status, f"The {service} service refused {method} {parts.path} ({status}): {sentence(decoded)}"
            )
        return {name.title(): value for name, value in answered.items()}, decoded

    def _connection(self, scheme: str, netloc: str) -> HTTPConnection:
        kept, now = self._connections.get((scheme, netloc)), time.monotonic()
        if kept is not None and now - self._used[scheme, netloc] > IDLE:
            kept.close()
            kept = None
        self._used[scheme, netloc] = now
        if kept is None:
            kept = connection_to(self.cloud, scheme, netloc, self._timeout)
            self._connections[(scheme, netloc)] = kept
        return kept


def connection_to(cloud: Cloud, scheme: str, netloc: str, seconds: float) -> HTTPConnection:
    """Not yet open; by TLS whoever answers must have its certificate from whom `clouds.yaml` names. Raises ApiError."""
    if scheme != "https":
        return HTTPConnection(netloc, timeout=seconds)
    try:
        trusting = ssl.create_default_context(cafile=cloud.cacert)
    except OSError as error:
        raise ApiError(
            0, f"{cloud.cacert}, which clouds.yaml names as cacert, can't be used: {error.strerror or error}."
        ) from None
    return HTTPSConnection(netloc, timeout=seconds, context=trusting)


def login(cloud: Cloud) -> dict[str, Any]:
    """The body that asks identity for a token."""
    auth = cloud.auth
    user = {"name": auth.username, "password": auth.password, "domain": {"name": auth.user_domain_name}}
    body: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
    if auth.system_scope:
        body["scope"] = {"system": {"all": True}}
    elif auth.project_name:
        body["scope"] = {"project": {"name": auth.project_name, "domain": {"name": auth.project_domain_name}}}
    return {"auth": body}


def catalog(services: list[dict[str, Any]], cloud: Cloud) -> Iterator[tuple[str, str]]:
    """Types of services and their URLs in the cloud's region, on its interface."""
    for service in services:
        for endpoint in service["endpoints"]:
            if endpoint["interface"] == cloud.interface and cloud.region_name in (None, endpoint["region_id"]):
                yield service["type"], endpoint["url"]


def sentence(body: Any) -> str:
    """What an error's body says, in whichever service's form: {"KIND": {"message": …}} or {"errors": [{"detail": …}]}."""
    if isinstance(body, dict):
        for value in body.values():
            if isinstance(value, dict) and isinstance(value.get("message"), str):
                return str(value["message"])
            if isinstance(value, list) and value and isinstance(value[0], dict):
                return str(value[0].get("detail") or value[0].get("title"))
        if isinstance(body.get("message"), str):
            return str(body["message"])
    return "it gave no reason."
