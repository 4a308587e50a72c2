"""Data from the web: only by the schemes, ports and hosts that the operator allows, never from where only we can reach.

The addresses that a name stands for are judged when the connection is made, and each redirect is judged anew.
"""

import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from tinstack.image.config import DownloadConfig
from tinstack.image.errors import Invalid
from tinstack.image.files import StoreFailed

REDIRECTS = 5
CHUNK = 256 * 1024
PORTS = {"http": 80, "https": 443}
SECONDS = 60.0


class DownloadFailed(StoreFailed):
    """500 in a task's message: the data can't be had."""

    code, message = "image.download", "The data can't be downloaded: {reason}."


class Downloads:
    """``check`` before anything is begun, ``open`` for the data."""

    def __init__(self, config: DownloadConfig) -> None:
        self._config = config

    def check(self, uri: str) -> None:
        """Raises Invalid for what is not allowed."""
        try:
            parts = urlsplit(uri)
            port = parts.port or PORTS.get(parts.scheme, 0)
        except ValueError as error:
            raise Invalid("Invalid URI: it can't be read.") from error
        config, host = self._config, (parts.hostname or "").lower()
        if parts.scheme not in config.schemes or parts.scheme not in PORTS:
            raise Invalid(f"Invalid URI: the scheme '{parts.scheme}' is not allowed.")
        if not host or parts.username or parts.password:
            raise Invalid("Invalid URI: it names no host, or credentials.")
        if host in config.blocked_hosts or (config.allowed_hosts and host not in config.allowed_hosts):
            raise Invalid(f"Invalid URI: the host '{host}' is not allowed.")
        if config.allowed_ports and port not in config.allowed_ports:
            raise Invalid(f"Invalid URI: the port {port} is not allowed.")
        try:
            literal = ipaddress.ip_address(host)
        except ValueError:
            return
        if not self.permits(str(literal)):
            raise Invalid(f"Invalid URI: the address '{host}' is not allowed.")

    def permits(self, address: str) -> bool:
        """Whether data may come from that address."""
        found = ipaddress.ip_address(address.split("%")[0])
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return self._config.internal_addresses or (found.is_global and not found.is_multicast)

    @asynccontextmanager
    async def open(self, uri: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """The data in chunks. Raises Invalid, DownloadFailed."""
        connector = aiohttp.TCPConnector(resolver=_Guarded(self), use_dns_cache=False)
        timeout = aiohttp.ClientTimeout(total=None, connect=SECONDS, sock_read=SECONDS)
        try:
            async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
                for _ in range(REDIRECTS + 1):
                    self.check(uri)
                    async with session.get(uri, allow_redirects=False) as response:
                        if response.status in (301, 302, 303, 307, 308) and "Location" in response.headers:
                            uri = urljoin(uri, response.headers["Location"])
                            continue
                        if response.status != 200:
                            raise DownloadFailed(reason=f"the answer is {response.status}")
                        yield response.content.iter_chunked(CHUNK)
                        return
                raise DownloadFailed(reason="there are too many redirects")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise DownloadFailed(reason=str(error) or type(error).__name__) from error


class _Guarded(AbstractResolver):
    """Names to addresses that are permitted; a name with none of them is not found."""

    def __init__(self, downloads: Downloads) -> None:
        self._downloads, self._inner = downloads, aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: Any = socket.AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        permitted = [one for one in found if self._downloads.permits(one["host"])]
        if not permitted:
            raise OSError(f"the addresses of {host} are not allowed")
        return permitted

    async def close(self) -> None:
        await self._inner.close()
