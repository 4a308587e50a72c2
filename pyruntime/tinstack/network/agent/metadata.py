"""The metadata proxy: a listening socket on 169.254.169.254 in every namespace whose guests ask there.

Who asks is known by the namespace (network) and the source address (port), which anti-spoofing makes true. The request goes
on to the metadata service with the instance's id, signed with this host's key, in the headers that the compute service
expects of a networking service (nova's ``service_metadata_proxy``).
"""

import asyncio
import hashlib
import hmac
import logging
import socket
from collections.abc import Iterable, Mapping
from functools import partial

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from tinstack.core.errors import ApiError
from tinstack.core.tls import trusting
from tinstack.network.agent import netns
from tinstack.network.agent.names import METADATA_IP
from tinstack.network.rpc import HostNetworkState

log = logging.getLogger(__name__)

PORT = 80
SECONDS = 30.0
PASSED_ON = ("accept", "content-type", "user-agent", "x-aws-ec2-metadata-token", "x-aws-ec2-metadata-token-ttl-seconds")
"""All that a guest may say itself; no other header of its goes on."""
METHODS = ("GET", "HEAD", "POST", "PUT")


class Guest(msgspec.Struct, frozen=True):
    """Who has an address."""

    device_id: str
    project_id: str


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """Where to ask and for whom. ``guests``: (network, address) → guest."""

    url: str
    key: str
    host: str
    guests: dict[tuple[str, str], Guest]


def book(state: HostNetworkState, host: str) -> Book:
    """From the wanted state: the leases name every guest of the networks served here."""
    projects = {port.id: port.project_id for port in state.ports}
    guests = {
        (lease.network_id, lease.ip): Guest(lease.device_id, lease.project_id or projects.get(lease.port_id, ""))
        for lease in state.dhcp_hosts
        if lease.device_id
    }
    return Book(url=state.metadata_url.rstrip("/"), key=state.metadata_key, host=host, guests=guests)


def signature(key: str, instance_id: str) -> str:
    """HMAC-SHA256 in hexadecimal, as the metadata service computes it."""
    return hmac.new(key.encode(), instance_id.encode(), hashlib.sha256).hexdigest()


def headers(asked: Mapping[str, str], guest: Guest, address: str, known: Book) -> dict[str, str]:
    """Those of the request to the service: a few of the guest's, and ours, which the guest can't set."""
    kept = {name: value for name, value in asked.items() if name.lower() in PASSED_ON}
    return kept | {
        "Accept-Encoding": "identity",
        "X-Forwarded-For": address,
        "X-Instance-ID": guest.device_id,
        "X-Tenant-ID": guest.project_id,
        "X-Metadata-Host": known.host,
        "X-Instance-ID-Signature": signature(known.key, guest.device_id),
    }


class _Door:
    """One namespace's listening socket. ``identity``: which namespace, if another takes its name."""

    def __init__(self, identity: int, server: asyncio.Server, protocol: web.Server) -> None:
        self.identity, self._server, self._protocol = identity, server, protocol

    async def close(self) -> None:
        self._server.close()
        await self._protocol.shutdown(1.0)


class Proxy:
    """All doors of this host, served by the agent's own event loop. ``ca``: whom the service's certificate must be from."""

    def __init__(self, host: str, ca: str | None = None) -> None:
        self.host, self._ca = host, ca
        self._book = Book(url="", key="", host=host, guests={})
        self._networks: Mapping[str, Iterable[str]] = {}
        self._doors: dict[str, _Door] = {}
        self._client: aiohttp.ClientSession | None = None

    async def serve(self, doors: Mapping[str, Iterable[str]], state: HostNetworkState) -> dict[str, str]:
        """Open and close doors as the state says; namespace → why it could not be opened."""
        self._book, self._networks = book(state, self.host), doors
        for name in set(self._doors) - set(doors):
            await self._doors.pop(name).close()
        errors = {}
        for name in doors:
            try:
                await self._open(name)
            except (ApiError, OSError) as error:
                errors[name] = f"Metadata can't be served in {name}: {error}"
                log.warning("%s", errors[name])
        return errors

    async def close(self) -> None:
        """All doors, and connections to the service."""
        while self._doors:
            await self._doors.popitem()[1].close()
        if self._client:
            await self._client.close()

    async def _open(self, name: str) -> None:
        identity = netns.identity(name)
        if (door := self._doors.get(name)) is not None:
            if door.identity == identity:
                return
            await self._doors.pop(name).close()
        listening = await asyncio.to_thread(_listen, name)
        protocol = web.Server(partial(self._answer, name), access_log=None)
        server = await asyncio.get_running_loop().create_server(protocol, sock=listening)
        self._doors[name] = _Door(identity, server, protocol)
        log.info("metadata is served in %s", name)

    async def _answer(self, name: str, request: web.BaseRequest) -> web.Response:
        address = request.remote or ""
        guest = self._guest(name, address)
        if guest is None:
            return web.Response(status=404, text="No instance has this address.\n")
        if request.method not in METHODS or not request.raw_path.startswith("/"):
            return web.Response(status=405, text="This method is not allowed.\n")
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=trusting(self._ca) or True),
                timeout=aiohttp.ClientTimeout(total=SECONDS),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        try:
            async with self._client.request(
                request.method,
                URL(self._book.url + request.raw_path, encoded=True),
                data=await request.read() or None,
                headers=headers(request.headers, guest, address, self._book),
                allow_redirects=False,
            ) as answer:
                kind = answer.headers.get("Content-Type", "text/plain")
                return web.Response(status=answer.status, body=await answer.read(), headers={"Content-Type": kind})
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("metadata for %s: %s", guest.device_id, str(error) or type(error).__name__)
            return web.Response(status=503, text="The metadata service can't be reached; try again.\n")

    def _guest(self, name: str, address: str) -> Guest | None:
        for network in self._networks.get(name, ()):
            if (guest := self._book.guests.get((network, address))) is not None:
                return guest
        return None


def _listen(name: str) -> socket.socket:
    with netns.inside(name):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((METADATA_IP, PORT))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening
