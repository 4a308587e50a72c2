"""Where guests' consoles are: the display's own address, or a door of this agent for consoles that have none.

Who knocks at the door says the line that he was told first; it stands for one console of one guest and holds a while.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable

from tinstack.compute.drivers.interface import Driver, Wire
from tinstack.compute.rpc import ConsoleAt, GetConsole
from tinstack.core.bus import Envelope
from tinstack.core.config import HostTls
from tinstack.core.errors import ApiError
from tinstack.core.tls import between_hosts

log = logging.getLogger(__name__)

LINE_SECONDS = 10.0
"""How long who knocks may take to say his line."""
KEPT_SECONDS = 3600.0
"""Longer than any console token holds."""
BLOCK = 64 * 1024


class Consoles:
    """``host``, ``port``: where the door is; 0: anywhere; with ``tls`` for who shows a certificate of the lab.
    It opens when it is first needed."""

    def __init__(self, driver: Driver, host: str, port: int, tls: HostTls | None = None) -> None:
        self._driver, self._host, self._port, self._tls = driver, host, port, tls
        self._lines: dict[str, tuple[str, str, float]] = {}
        self._server: asyncio.Server | None = None
        self._opening = asyncio.Lock()
        self._talks: set[asyncio.Task[None]] = set()

    async def where(self, message: GetConsole, envelope: Envelope) -> ConsoleAt:
        """Raises GuestOff, NoConsole."""
        if message.kind == "vnc":
            address = await self._driver.display(message.server_id)
            if address:
                return ConsoleAt(host=address[0], port=address[1])
        await self._driver.can_console(message.server_id, message.kind)
        await self._open()
        now, line = time.monotonic(), secrets.token_urlsafe(24)
        self._lines = {one: kept for one, kept in self._lines.items() if kept[2] > now}
        self._lines[line] = message.server_id, message.kind, now + KEPT_SECONDS
        return ConsoleAt(host=self._host, port=self._port, path=line)

    async def stop(self) -> None:
        """Close the door, and end what is said behind it."""
        if self._server:
            self._server.close()
        for task in list(self._talks):
            task.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _open(self) -> None:
        async with self._opening:
            if self._server is None:
                context = between_hosts(self._tls, server=True) if self._tls else None
                self._server = await asyncio.start_server(self._knock, self._host, self._port, ssl=context)
                self._port = self._server.sockets[0].getsockname()[1]

    async def _knock(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._talks.add(task)
        try:
            async with asyncio.timeout(LINE_SECONDS):
                line = (await reader.readline()).decode("ascii", "replace").strip()
            id, kind, until = self._lines.get(line, ("", "", 0.0))
            if until < time.monotonic():
                log.warning("a console was asked for by a line that nobody was told")
                return
            async with self._driver.console(id, kind) as wire:
                await _both(_to_wire(reader, wire), _from_wire(wire, writer))
        except (TimeoutError, OSError, ValueError) as error:
            log.info("a console ended: %s", error)
        except ApiError as error:
            log.info("a console can't be had: %s", error.text)
        finally:
            self._talks.discard(task)
            writer.close()


async def _to_wire(reader: asyncio.StreamReader, wire: Wire) -> None:
    while data := await reader.read(BLOCK):
        await wire.write(data)


async def _from_wire(wire: Wire, writer: asyncio.StreamWriter) -> None:
    while data := await wire.read():
        writer.write(data)
        await writer.drain()


async def _both(*ways: Awaitable[None]) -> None:
    """Until one of them ends."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
