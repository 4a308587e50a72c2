"""A guest's serial line by a stream of libvirt, which has events of its own: see ``events``. One talks with it at a time."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

BLOCK = 64 * 1024
FULL = -2
"""What a stream answers when it has nothing, or takes no more, at the moment."""
AGAIN_SECONDS = 0.02


class Stream:
    """``received``, ``ended``: called in libvirt's thread of events."""

    def __init__(self, domain: Any, received: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        import libvirt

        self._libvirt, self._received, self._ended = libvirt, received, ended
        self._stream = domain.connect().newStream(libvirt.VIR_STREAM_NONBLOCK)
        domain.openConsole(None, self._stream, libvirt.VIR_DOMAIN_CONSOLE_FORCE)
        self._ends = libvirt.VIR_STREAM_EVENT_HANGUP | libvirt.VIR_STREAM_EVENT_ERROR
        self._stream.eventAddCallback(libvirt.VIR_STREAM_EVENT_READABLE | self._ends, self._event, None)

    def _event(self, stream: Any, events: int, opaque: Any) -> None:
        try:
            data = stream.recv(BLOCK)
        except self._libvirt.libvirtError:
            data = b""
        if data == FULL:
            if events & self._ends:
                self._ended()
        elif data:
            self._received(data)
        else:
            self.close()
            self._ended()

    def send(self, data: bytes) -> None:
        """All of it; waits where the guest does not read."""
        while data:
            sent = self._stream.send(data)
            if sent == FULL:
                time.sleep(AGAIN_SECONDS)
            else:
                data = data[sent:]

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(self._libvirt.libvirtError):
            self._stream.eventRemoveCallback()
        with contextlib.suppress(self._libvirt.libvirtError):
            self._stream.abort()


class SerialLine:
    """A ``Wire`` on such a stream."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._in: asyncio.Queue[bytes] = asyncio.Queue()
        self.stream: Stream | None = None

    def received(self, data: bytes) -> None:
        """In another thread."""
        self._loop.call_soon_threadsafe(self._in.put_nowait, data)

    def ended(self) -> None:
        """In another thread."""
        self.received(b"")

    async def read(self) -> bytes:
        """What the guest says; empty when it is off."""
        return await self._in.get()

    async def write(self, data: bytes) -> None:
        """What is typed."""
        if self.stream:
            await asyncio.to_thread(self.stream.send, data)


class Opener(Protocol):
    """Who can open one: the hypervisor."""

    async def open_serial(self, id: str, line: SerialLine) -> None: ...


@asynccontextmanager
async def opened(hypervisor: Opener, id: str) -> AsyncIterator[SerialLine]:
    """The line of a guest that runs, hung up in the end."""
    line = SerialLine()
    await hypervisor.open_serial(id, line)
    try:
        yield line
    finally:
        if line.stream:
            await asyncio.to_thread(line.stream.close)
