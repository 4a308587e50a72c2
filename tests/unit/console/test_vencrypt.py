"""The beginning of RFB: a display that speaks TLS alone, and a viewer that is asked for nothing."""

import asyncio
import ssl
from pathlib import Path

import pytest
from tests.unit.core.test_tls import make

from tinstack.console.vencrypt import VERSION, DisplayRefused, greet_viewer, open_display
from tinstack.core.tls import trusting


class Display:
    """As QEMU's, by the registry of RFB: offers what it is told to, wants a certificate of the lab."""

    def __init__(self, pki: Path, offered: bytes = bytes([19]), kinds: tuple[int, ...] = (260,)) -> None:
        self.pki, self.offered, self.kinds = pki, offered, kinds
        self.heard = b""

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pki / "hosts" / "ctl.pem", self.pki / "hosts" / "ctl.key")
        context.load_verify_locations(self.pki / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # as a refusal comes within the handshake there
        return context

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"RFB 003.008\n")
            assert await reader.readexactly(12) == VERSION
            writer.write(bytes([len(self.offered)]) + self.offered)
            if await reader.readexactly(1) == bytes([19]):
                writer.write(b"\x00\x02")
                assert await reader.readexactly(2) == b"\x00\x02"
                writer.write(
                    b"\x00" + bytes([len(self.kinds)]) + b"".join(one.to_bytes(4, "big") for one in self.kinds)
                )
                assert await reader.readexactly(4) == (260).to_bytes(4, "big")
                writer.write(b"\x01")
                await writer.drain()
                await writer.start_tls(self.context())
                writer.write(bytes(4))
                self.heard = await reader.readexactly(1)
                writer.write(b"framebuffer")
        except (OSError, EOFError):
            pass
        finally:
            writer.close()


async def talk_to(display: Display, context: ssl.SSLContext) -> bytes:
    server = await asyncio.start_server(display.talk, "127.0.0.1", 0)
    async with server:
        reader, writer = await open_display("127.0.0.1", server.sockets[0].getsockname()[1], context)
        writer.write(b"\x01")
        answer = await reader.readexactly(11)
        writer.close()
        return answer


def ours(pki: Path, *, certificate: bool = True) -> ssl.SSLContext:
    context = trusting(str(pki / "ca.pem"))
    assert context
    if certificate:
        context.load_cert_chain(pki / "hosts" / "ctl.pem", pki / "hosts" / "ctl.key")
    return context


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    return make(tmp_path / "ca", ["127.0.0.1"])


async def test_bytes_pass_encrypted_once_both_have_shown_a_certificate_of_the_lab(pki: Path) -> None:
    display = Display(pki)
    assert await talk_to(display, ours(pki)) == b"framebuffer"
    assert display.heard == b"\x01"


async def test_a_display_in_the_clear_is_not_used(pki: Path) -> None:
    with pytest.raises(DisplayRefused, match="speaks in the clear"):
        await talk_to(Display(pki, offered=bytes([1])), ours(pki))


async def test_a_display_of_another_authority_is_not_believed(pki: Path, tmp_path: Path) -> None:
    with pytest.raises(DisplayRefused, match="certificate verify failed"):
        await talk_to(Display(make(tmp_path / "other", ["127.0.0.1"])), ours(pki))


async def test_a_display_does_not_let_in_who_has_no_certificate(pki: Path) -> None:
    with pytest.raises(DisplayRefused):
        await talk_to(Display(pki), ours(pki, certificate=False))


async def test_a_display_that_wants_a_password_as_well_is_said_so(pki: Path) -> None:
    with pytest.raises(DisplayRefused, match="wants more than a certificate"):
        await talk_to(Display(pki, kinds=(261,)), ours(pki))


async def viewer(*said: bytes) -> list[bytes]:
    """What the proxy says to a viewer that says this."""
    told: list[bytes] = []
    waiting = list(said)

    async def read(count: int) -> bytes:
        piece = waiting.pop(0)
        assert len(piece) == count
        return piece

    async def write(data: bytes) -> None:
        told.append(data)

    await greet_viewer(read, write)
    return told


async def test_a_viewer_is_asked_for_nothing() -> None:
    assert await viewer(VERSION, b"\x01") == [VERSION, b"\x01\x01", bytes(4)]


async def test_a_viewer_that_speaks_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match=r"RFB 3\.8"):
        await viewer(b"GET / HTTP/1")
