"""WebSockets in, TCP out: bytes of a display (RFB) or a serial line, unread. The same port serves noVNC's page.

A WebSocket's path carries the token: ``/?token=…`` for displays, as noVNC is told, ``/serial?token=…`` for serial lines. It is
looked up before the handshake is answered, so that a refusal is an HTTP status.
"""

import asyncio
import logging
from collections.abc import Sequence
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from tinstack.console.config import Config
from tinstack.console.pages import Pages
from tinstack.console.tokens import Lookup
from tinstack.console.upstream import Upstream, connect
from tinstack.console.vencrypt import greet_viewer
from tinstack.core.config import ConfigError
from tinstack.core.errors import ApiError

log = logging.getLogger(__name__)

BLOCK = 64 * 1024
SERIAL = "/serial"
BINARY = Subprotocol("binary")
"""The subprotocol that older clients ask for."""
_REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 503: "Service Unavailable"}
_INSTALL = "There is no noVNC on this host: install the package novnc, or say by novnc_dir where its files are.\n"


class Proxy:
    """Listens from ``start`` to ``stop``."""

    def __init__(self, config: Config, lookup: Lookup, pages: Pages) -> None:
        self._config, self._lookup, self._pages = config, lookup, pages
        self._upstreams: dict[ServerConnection, Upstream] = {}
        self._server: Server | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def start(self) -> None:
        """Raises ConfigError where the port is taken."""
        http = self._config.http
        try:
            self._server = await serve(
                self._talk,
                http.host,
                http.port,
                process_request=self._answer,
                select_subprotocol=_binary_if_asked,
                compression=None,
                max_size=http.max_body,
                server_header=None,
                reuse_port=http.share_port or None,
            )
        except OSError as error:
            raise ConfigError(f"Can't listen on {http.host}:{http.port}: {error.strerror}.") from error

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    async def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """None: the WebSocket is opened."""
        parts = urlsplit(request.path)
        if "upgrade" not in request.headers.get("Connection", "").lower():
            return await self._page(unquote(parts.path))
        if not self._may(request.headers):
            return _plain(403, "Pages of that origin may not open consoles here.\n")
        token = parse_qs(parts.query).get("token", [""])[-1]
        if not token:
            return _plain(400, "The token is missing.\n")
        try:
            target = await self._lookup(token, parts.path.rstrip("/") == SERIAL)
            if target is None:
                log.info("a console was asked for with a token that opens none")
                return _plain(403, "The token opens no console, or not any more.\n")
            self._upstreams[connection] = await connect(target, self._config.tls, self._config.connect_seconds)
        except ApiError as error:
            log.warning("a console can't be opened: %s", error.text)
            return _plain(503, f"{error.text}\n")
        return None

    def _may(self, headers: Headers) -> bool:
        """A browser names the page that opens a WebSocket: other sites' pages may not. Whoever is no browser names none."""
        origin = headers.get("Origin")
        if origin is None:
            return True
        host = urlsplit(f"//{headers.get('Host', '')}").hostname
        return urlsplit(origin).hostname in (host, *self._config.allowed_origins)

    async def _page(self, path: str) -> Response:
        if path == "/":
            return _plain(200, "The consoles of this cloud. The compute API gives the URL of each.\n")
        found = await asyncio.to_thread(self._pages.read, path)
        if found is None:
            return _plain(404, "There is no such page.\n" if self._pages.there else _INSTALL)
        kind, data = found
        headers = Headers({"Content-Type": kind, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"})
        return _response(200, "OK", headers, data)

    async def _talk(self, connection: ServerConnection) -> None:
        upstream = self._upstreams.pop(connection)
        target, viewer = upstream.target, _Viewer(connection)
        what = "serial line" if target.serial else "display"
        log.info("the %s of server %s is opened", what, target.server_id)
        ways: list[asyncio.Task[None]] = []
        try:
            if upstream.agreed:
                await greet_viewer(viewer.exactly, connection.send)
            ways = [
                asyncio.create_task(_inwards(viewer, upstream.writer)),
                asyncio.create_task(_outwards(upstream.reader, connection)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except (ValueError, ConnectionClosed) as error:
            log.info("the viewer of server %s left: %s", target.server_id, error)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            upstream.writer.close()
            log.info("the %s of server %s is closed", what, target.server_id)


class _Viewer:
    """What the browser sends, as bytes: its messages have no meaning of their own."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection, self._left = connection, b""

    async def some(self) -> bytes:
        """The next ones. Raises ConnectionClosed."""
        if self._left:
            left, self._left = self._left, b""
            return left
        message = await self._connection.recv()
        return message.encode() if isinstance(message, str) else message

    async def exactly(self, count: int) -> bytes:
        """So many. Raises ConnectionClosed."""
        data = b""
        while len(data) < count:
            data += await self.some()
        data, self._left = data[:count], data[count:]
        return data


async def _inwards(viewer: _Viewer, writer: asyncio.StreamWriter) -> None:
    while True:
        try:
            data = await viewer.some()
        except ConnectionClosed:
            return
        writer.write(data)
        await writer.drain()


async def _outwards(reader: asyncio.StreamReader, connection: ServerConnection) -> None:
    try:
        while data := await reader.read(BLOCK):
            await connection.send(data)
    except ConnectionClosed:
        return
    await connection.close(1000, "the guest closed its console")


def _binary_if_asked(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return BINARY if BINARY in offered else None


def _plain(status: int, text: str) -> Response:
    return _response(status, _REASONS[status], Headers({"Content-Type": "text/plain; charset=utf-8"}), text.encode())


def _response(status: int, reason: str, headers: Headers, body: bytes) -> Response:
    headers["Content-Length"] = str(len(body))
    headers["Connection"] = "close"
    return Response(status, reason, headers, body)
