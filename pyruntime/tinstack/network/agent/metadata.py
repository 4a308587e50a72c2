"""The metadata proxy: a listening socket on 169.254.169.254 in every namespace whose guests ask there, and one on fe80::a9fe:a9fe
in those of DHCP, which are on their guests' link.

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
from pathlib import Path

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from tinstack.core.errors import ApiError
from tinstack.core.tls import trusting
from tinstack.network.agent import netns
from tinstack.network.agent.names import METADATA_IP, METADATA_IP6
from tinstack.network.agent.spoofing import link_local
from tinstack.network.rpc import HostNetworkState

log = logging.getLogger(__name__)

PORT = 80
IPV6 = Path("/proc/sys/net/ipv6")
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
    """From the wanted state: the leases name every guest of the networks served here, with its address and so its link-local one."""
    projects = {port.id: port.project_id for port in state.ports}
    guests: dict[tuple[str, str], Guest] = {}
    for lease in state.dhcp_hosts:
        if lease.device_id:
            guest = Guest(lease.device_id, lease.project_id or projects.get(lease.port_id, ""))
            guests |= dict.fromkeys([(lease.network_id, lease.ip), (lease.network_id, link_local(lease.mac))], guest)
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
    """One namespace's listening sockets. ``identity``: which namespace and interfaces, if others take their names."""

    def __init__(self, identity: object, servers: list[asyncio.Server], protocol: web.Server) -> None:
        self.identity, self._servers, self._protocol = identity, servers, protocol

    async def close(self) -> None:
        for server in self._servers:
            server.close()
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
        identity = netns.identity(name), _links(name)
        if (door := self._doors.get(name)) is not None:
            if door.identity == identity:
                return
            await self._doors.pop(name).close()
        listening = await asyncio.to_thread(_listen, name, identity[1])
        protocol = web.Server(partial(self._answer, name), access_log=None)
        servers = [await asyncio.get_running_loop().create_server(protocol, sock=one) for one in listening]
        self._doors[name] = _Door(identity, servers, protocol)
        log.info("metadata is served in %s", name)

    async def _answer(self, name: str, request: web.BaseRequest) -> web.Response:
        address = (request.remote or "").partition("%")[0]
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


def _links(name: str) -> list[int]:
    """The interfaces of a DHCP server's namespace, by number, where IPv6 is there: a link-local address is one on an interface."""
    if not name.startswith("dhcp-"):
        return []
    with netns.inside(name):
        return [number for number, link in socket.if_nameindex() if link != "lo"] if IPV6.exists() else []


def _listen(name: str, links: Iterable[int]) -> list[socket.socket]:
    found = []
    try:
        found.append(_socket(name, socket.AF_INET, (METADATA_IP, PORT)))
        found += [_socket(name, socket.AF_INET6, (METADATA_IP6, PORT, 0, link)) for link in links]
    except OSError:
        for one in found:
            one.close()
        raise
    return found


def _socket(name: str, family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
    with netns.inside(name):
        listening = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening
