"""The port that Prometheus scrapes: ``GET /metrics`` on the management address, in the service's own event loop.

So small that it is no HTTP stack: agents that have none need none for it. A port that is taken costs the metrics, not the service.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tinstack.core.config import MetricsConfig
from tinstack.core.metrics import families

if TYPE_CHECKING:
    from tinstack.core.metrics.text import Page

log = logging.getLogger(__name__)

Source = Callable[[], Awaitable[None]]
"""Sets gauges to what is so now."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
CERTIFICATE = "/etc/tinstack/tls/host.pem"
HEAD_SECONDS, SOURCE_SECONDS = 5.0, 5.0
FRESH_SECONDS = 1.0
"""How long an answer is given again: nobody can keep a service busy by asking."""


class MetricsPort:
    """``services``: their names; ``sources``: what asks for gauges, by name."""

    def __init__(self, config: MetricsConfig, services: Sequence[str], sources: Mapping[str, Source]) -> None:
        self.config, self._services, self._sources = config, services, sources
        self._server: asyncio.Server | None = None
        self._asked = asyncio.Lock()
        self._page: Page | None = None
        self._last, self._made = b"", -FRESH_SECONDS

    async def start(self) -> None:
        """Listen; where the port is taken, say so and go on without."""
        try:
            self._server = await asyncio.start_server(self._answer, self.config.host, self.config.port, limit=8192)
        except OSError as error:
            where = f"{self.config.host}:{self.config.port}"
            log.error("no metrics: can't listen on %s: %s", where, error.strerror or error)

    async def stop(self) -> None:
        """Close it."""
        if self._server:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            method, _, rest = head.decode("latin-1").partition(" ")
            path = rest.split(" ")[0].partition("?")[0]
            if path != "/metrics":
                status, body = "404 Not Found", b"The metrics are at /metrics.\n"
            elif method not in ("GET", "HEAD"):
                status, body = "405 Method Not Allowed", b"The metrics are for GET.\n"
            else:
                status, body = "200 OK", await self.text()
            lines = f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(lines.encode() + (b"" if method == "HEAD" else body))
            async with asyncio.timeout(HEAD_SECONDS):
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            log.debug("a scrape was broken off")
        finally:
            writer.close()

    async def text(self) -> bytes:
        """What is so now, asked at most once a second."""
        async with self._asked:
            now = asyncio.get_running_loop().time()
            if now - self._made >= FRESH_SECONDS:
                await self._ask()
                if self._page is None:
                    from tinstack.core.metrics.text import Page  # who is never scraped never pays for it

                    self._page = Page(families.FAMILIES)
                self._last, self._made = self._page.text(), asyncio.get_running_loop().time()
            return self._last

    async def _ask(self) -> None:
        families.BUILD.set(1, _version(), sys.version.split()[0], "+".join(self._services))
        for name, source in {**self._sources, "certificate": _certificate}.items():
            try:
                async with asyncio.timeout(SOURCE_SECONDS):
                    await source()
            except Exception as error:
                families.SOURCE_FAILURES.add(name)
                log.debug("no figures of %s: %s", name, error)


def _version() -> str:
    """Of the wheel that runs; ``source`` where none is installed."""
    import importlib.metadata  # a megabyte that only who is scraped pays

    try:
        return importlib.metadata.version("tinstack")
    except importlib.metadata.PackageNotFoundError:
        return "source"


_looked: dict[int, float] = {}
"""When the certificate ends, by the file's time: openssl is asked once for each renewal."""


async def _certificate() -> None:
    families.CERTIFICATE.clear()
    try:
        changed = os.stat(CERTIFICATE).st_mtime_ns
    except OSError:
        return
    if changed not in _looked:
        _looked[changed] = await _end_of(CERTIFICATE)
    families.CERTIFICATE.set(_looked[changed], CERTIFICATE)


async def _end_of(file: str) -> float:
    """Seconds since the epoch. Raises OSError, ValueError."""
    asking = await asyncio.create_subprocess_exec(
        "openssl", "x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in", file,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env={"PATH": os.defpath},
    )  # fmt: skip
    said, _ = await asking.communicate()
    from datetime import datetime

    return datetime.fromisoformat(said.decode().strip().removeprefix("notAfter=")).timestamp()
