"""HTTP/1.1 as a client: a pool of connections that are kept for the next request, read by httptools. Source: RFC 9110, RFC 9112.

No redirects, cookies, proxies or compression: those who ask here know whom they ask.
"""

import asyncio
import re
import ssl
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

CONNECT_SECONDS = 5.0
KEEP_SECONDS = 25.0
"""For which a connection is kept for its next request; servers keep it longer."""
AT_ONCE = 64
"""Connections to one server."""
BUFFER = 512 * 1024
"""Bytes of a body that wait for their reader; then the other end waits."""
PORTS = {"http": 80, "https": 443}
REPEATABLE = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}
"""What is sent again when the connection that was kept turns out to be closed. Source: RFC 9110, 9.2.2."""
FORBIDDEN = re.compile(r"[\x00-\x20\x7f]")
"""What would end a target early."""
LINE_ENDS = re.compile(r"[\r\n\x00]")
LENGTHS = {"content-length", "transfer-encoding"}
"""The headers of which one says how a body ends; without them it ends with the connection."""
Body = bytes | AsyncIterator[bytes] | None


class Broken(OSError):
    """The connection ended before the answer did, or what came is no HTTP."""


class Stale(Broken):
    """It had ended before anything of an answer came: a server closes what it was not asked on for long."""


class Server(NamedTuple):
    """Whom a connection is with."""

    scheme: str
    host: str
    port: int


class Response:
    """What is answered. ``headers``: their names in lower case; ``seconds``: how long the other end may be silent."""

    def __init__(self, connection: "_Connection", method: str) -> None:
        self.status, self.headers = 0, dict[str, str]()
        self.method, self.begun, self.complete, self.keep = method, False, False, False
        self.seconds: float | None = None
        self._connection = connection
        self._parts: list[bytes] = []
        self._size = 0
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def over(self) -> bool:
        """All of it is read, and the connection can be used again."""
        return self.complete and self.keep and not self._parts

    async def head(self) -> None:
        """Until status and headers are there."""
        while not self.status:
            await self._more()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, as it comes."""
        while self._parts or not self.complete:
            if not self._parts:
                await self._more()
                continue
            found = b"".join(self._parts)
            self._parts.clear()
            if self._size > BUFFER:
                self._connection.read_on()
            self._size = 0
            yield found

    async def read(self) -> bytes:
        """The whole body."""
        return b"".join([chunk async for chunk in self.chunks()])

    async def _more(self) -> None:
        if self._error:
            raise self._error
        self._waiter = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(self.seconds):
            await self._waiter

    def wake(self) -> None:
        """Something came."""
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def fail(self, error: Exception) -> None:
        """Nothing more comes. Whoever reads learns it after what came before."""
        self._error = self._error or error
        self.wake()

    def add(self, data: bytes) -> bool:
        """More of the body. Whether that is enough for now."""
        before, self._size = self._size, self._size + len(data)
        self._parts.append(data)
        self.wake()
        return before <= BUFFER < self._size


class _Connection(asyncio.Protocol):
    """One request after the other; httptools tells it what it reads."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.answer: Response | None = None
        self.closed, self.free_since = False, 0.0
        self._parser = HttpResponseParser(self)
        self._writable = asyncio.Event()
        self._writable.set()

    async def write(self, data: bytes) -> None:
        """Returns when there is room for more."""
        if self.closed:
            raise Broken("the connection was closed")
        self.transport.write(data)
        await self._writable.wait()

    def read_on(self) -> None:
        """Its reader has caught up."""
        if not self.closed:
            self.transport.resume_reading()

    # --- asyncio.Protocol ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self.transport.abort()
            if self.answer:
                self.answer.fail(Broken(f"the answer is no HTTP: {error}"))

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._writable.set()
        if not self.answer:
            return
        if self.answer.status and not error and not LENGTHS & self.answer.headers.keys():
            self.answer.complete = True
        self.answer.fail(Broken(str(error) if error else "the connection was closed"))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # --- httptools -----------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self.answer and not self.answer.complete:
            self.answer.begun = True
            return
        if self.answer:
            self.answer.keep = False
        self.answer = None
        self.transport.abort()  # nobody asked for that

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.answer:
            self.answer.headers[name.decode("latin-1").lower()] = value.decode("utf-8", "surrogateescape")

    def on_headers_complete(self) -> None:
        answer, status = self.answer, self._parser.get_status_code()
        if answer is None or status < 200:
            if answer:
                answer.headers.clear()
            return
        answer.status, answer.keep = status, self._parser.should_keep_alive()
        if answer.method == "HEAD":  # the parser would wait for the body that the headers speak of
            answer.complete, answer.keep = True, False
        answer.wake()

    def on_body(self, data: bytes) -> None:
        if self.answer and not self.answer.complete and self.answer.add(data):
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        if self.answer and self.answer.status:
            self.answer.complete = True
            self.answer.wake()


class Pool:
    """Connections to any number of servers. ``tls``: whom to trust; unless given, whom the system trusts."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._free: dict[Server, list[_Connection]] = defaultdict(list)
        self._taken: set[_Connection] = set()
        self._slots: dict[Server, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))

    async def addresses(self, host: str, port: int) -> Iterable[str]:
        """Where a server is looked for: names or addresses, tried in turn."""
        return (host,)

    def close(self) -> None:
        """End all connections."""
        for connection in (*self._taken, *(one for free in self._free.values() for one in free)):
            connection.transport.abort()
        self._free.clear()

    @asynccontextmanager
    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body = None,
        *,
        seconds: float,
        connect: float = CONNECT_SECONDS,
    ) -> AsyncIterator[Response]:
        """The answer, once its status and headers are there. ``seconds``: how long the other end may be silent.

        Raises OSError (also Broken, TimeoutError), ValueError for what no request can hold, and what ``body`` raises.
        """
        server, start = _start(method, url, headers, body)
        again = method in REPEATABLE and not isinstance(body, AsyncIterator)
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(connect):
                await stack.enter_async_context(self._slots[server])
            answer = None
            if kept := self._kept(server):
                try:
                    answer = await stack.enter_async_context(self._exchange(server, kept, method, start, body, seconds))
                except Stale:
                    if not again:
                        raise
            if answer is None:
                fresh = await self._connect(server, connect)
                answer = await stack.enter_async_context(self._exchange(server, fresh, method, start, body, seconds))
            yield answer

    def _kept(self, server: Server) -> _Connection | None:
        """The connection that was used last."""
        free = self._free[server]
        while free:
            connection = free.pop()
            if not connection.closed and time.monotonic() < connection.free_since + KEEP_SECONDS:
                return connection
            connection.transport.abort()
        return None

    async def _connect(self, server: Server, seconds: float) -> _Connection:
        tls, failed = None, OSError("it has no address")
        if server.scheme == "https":
            tls = self._tls = self._tls or ssl.create_default_context()
        async with asyncio.timeout(seconds):
            for address in await self.addresses(server.host, server.port):
                try:
                    _, connection = await asyncio.get_running_loop().create_connection(
                        _Connection, address, server.port, ssl=tls, server_hostname=server.host if tls else None
                    )
                except OSError as error:
                    failed = error
                else:
                    return connection
        raise failed

    @asynccontextmanager
    async def _exchange(
        self, server: Server, connection: _Connection, method: str, start: bytes, body: Body, seconds: float
    ) -> AsyncIterator[Response]:
        answer = connection.answer = Response(connection, method)
        self._taken.add(connection)
        sending: asyncio.Task[None] | None = None
        try:
            if isinstance(body, AsyncIterator):
                sending = asyncio.create_task(_send(connection, answer, start, body, seconds))
            else:
                connection.transport.write(start + body if body else start)
                answer.seconds = seconds
            try:
                await answer.head()
            except Broken as error:
                raise error if answer.begun else Stale(str(error)) from error
            yield answer
        finally:
            connection.answer = None
            self._taken.discard(connection)
            if answer.over and not connection.closed and (sending is None or sending.done()):
                connection.free_since = time.monotonic()
                self._free[server].append(connection)
            else:
                connection.transport.abort()
            if sending:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)


async def _send(
    connection: _Connection, answer: Response, start: bytes, body: AsyncIterator[bytes], seconds: float
) -> None:
    """In chunks. While we speak the other end may be silent."""
    try:
        await connection.write(start)
        async for chunk in body:
            if chunk:
                await connection.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        await connection.write(b"0\r\n\r\n")
    except Exception as error:
        answer.fail(error)
        connection.transport.abort()
    else:
        answer.seconds = seconds
        answer.wake()


def _start(method: str, url: str, headers: Mapping[str, str], body: Body) -> tuple[Server, bytes]:
    """Whom to ask, and the request down to its body."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError(f"'{url}' is no URL of HTTP.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {"Host": parts.netloc.rpartition("@")[2], "Accept": "*/*", **headers}
    if body is not None and not any(name.lower() == "content-type" for name in headers):
        sent["Content-Type"] = "application/octet-stream"
    if isinstance(body, AsyncIterator):
        sent["Transfer-Encoding"] = "chunked"
    elif body or method in ("POST", "PUT", "PATCH"):
        sent["Content-Length"] = str(len(body or b""))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    if FORBIDDEN.search(target) or any(LINE_ENDS.search(line) for line in lines):
        raise ValueError("A request can't hold line ends, or spaces in its target.")
    server = Server(parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme])
    return server, "\r\n".join([*lines, "", ""]).encode()
