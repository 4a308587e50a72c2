"""The agent's door to consoles, and the display of simulated guests."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tinstack.compute.consoles import Consoles
from tinstack.compute.drivers.interface import GuestOff, Wire
from tinstack.compute.drivers.rfb import HEIGHT, WIDTH, Screen
from tinstack.compute.rpc import ConsoleAt, GetConsole
from tinstack.core.bus import Envelope

ENVELOPE = Envelope(name="GetConsole", id="1", request_id="req-1")


class Echo:
    """A line that says what it hears, until it hears an end."""

    def __init__(self) -> None:
        self._out: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(self) -> bytes:
        return await self._out.get()

    async def write(self, data: bytes) -> None:
        self._out.put_nowait(b"" if data == b"end" else data)


class Driver:
    """One guest."""

    address: tuple[str, int] | None = None
    off = False
    opened: list[tuple[str, str]]

    def __init__(self) -> None:
        self.opened = []

    async def display(self, id: str) -> tuple[str, int] | None:
        return self.address

    async def can_console(self, id: str, kind: str) -> None:
        if self.off:
            raise GuestOff(id=id)

    @asynccontextmanager
    async def console(self, id: str, kind: str) -> AsyncIterator[Wire]:
        self.opened.append((id, kind))
        yield Echo()


@pytest.fixture
async def consoles() -> AsyncIterator[Any]:
    made = Consoles(Driver(), "127.0.0.1", 0)  # type: ignore[arg-type]
    yield made
    await made.stop()


async def knock(place: ConsoleAt, line: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(place.host, place.port)
    writer.write(f"{line}\n".encode())
    return reader, writer


async def test_a_display_of_its_own_is_named(consoles: Any) -> None:
    consoles._driver.address = ("10.0.0.5", 5901)
    place = await consoles.where(GetConsole(server_id="s", kind="vnc"), ENVELOPE)
    assert place == ConsoleAt(host="10.0.0.5", port=5901)


async def test_who_says_the_line_talks_with_the_guest(consoles: Any) -> None:
    place = await consoles.where(GetConsole(server_id="s", kind="serial"), ENVELOPE)
    reader, writer = await knock(place, place.path)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    writer.write(b"end")
    assert await reader.read() == b""
    assert consoles._driver.opened == [("s", "serial")]


async def test_who_does_not_know_the_line_talks_with_nobody(consoles: Any) -> None:
    place = await consoles.where(GetConsole(server_id="s", kind="serial"), ENVELOPE)
    reader, _ = await knock(place, "guess")
    assert await reader.read() == b"" and consoles._driver.opened == []


async def test_a_guest_that_is_off_has_no_console(consoles: Any) -> None:
    consoles._driver.off = True
    with pytest.raises(GuestOff):
        await consoles.where(GetConsole(server_id="s", kind="serial"), ENVELOPE)


async def agreed(screen: Screen) -> None:
    assert await screen.read() == b"RFB 003.008\n"
    await screen.write(b"RFB 003.008\n\x01")
    assert [await screen.read(), await screen.read()] == [b"\x01\x01", bytes(4)]
    await screen.write(b"\x01")
    about = await screen.read()
    assert struct.unpack_from(">HH", about) == (WIDTH, HEIGHT) and about.endswith(b"instance-1")


async def test_a_simulated_display_shows_a_picture_that_changes_with_each_key() -> None:
    screen = Screen("id", "instance-1")
    await agreed(screen)
    await screen.write(struct.pack(">BxHii", 2, 2, 0, 1))  # SetEncodings
    whole, changes = (struct.pack(">BBHHHH", 3, one, 0, 0, WIDTH, HEIGHT) for one in (0, 1))
    await screen.write(whole[:4])
    await screen.write(whole[4:])
    first = await screen.read()
    assert len(first) == 16 + 4 * WIDTH * HEIGHT and len({first[at : at + 4] for at in range(16, len(first), 4)}) == 8
    await screen.write(changes + struct.pack(">BB2xI", 4, 1, 0xFF0D))
    second = await screen.read()
    assert len(second) == len(first) and second != first


async def test_a_client_that_speaks_no_rfb_is_refused() -> None:
    screen = Screen("id", "instance-1")
    await agreed(screen)
    with pytest.raises(ValueError, match="unknown to RFB"):
        await screen.write(b"\xff")
