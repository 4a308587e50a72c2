"""A guest's display behind TLS: the beginning of RFB on both sides of the proxy, until bytes can be passed on as they are.

To the display (QEMU with ``vnc_tls``) the proxy is a client that shows the host's certificate and takes only one of the lab's; to the
viewer in a browser, which came by an encrypted and authorised connection, it is a server that asks for nothing more.
Source: RFC 6143, 7.1; the RFB registry's VeNCrypt, version 0.2.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from tinstack.core.errors import Unavailable

VERSION = b"RFB 003.008\n"
NONE, VENCRYPT, X509_NONE = 1, 19, 260
SECONDS = 10.0

Read = Callable[[int], Awaitable[bytes]]
"""Exactly so many bytes of what the viewer sends."""
Write = Callable[[bytes], Awaitable[None]]


class DisplayRefused(Unavailable):
    """503: the display does not speak as it should, or is not believed."""

    code, message = "console.display", "The display at {host}:{port} can't be used: {reason}."


async def open_display(
    host: str, port: int, context: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect, encrypt, agree. What comes next is the viewer's ClientInit. Raises DisplayRefused."""
    try:
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                await _agree(reader, writer, host, context)
            except BaseException:
                writer.close()
                raise
            return reader, writer
    except (OSError, EOFError, TimeoutError, ValueError) as error:
        raise DisplayRefused(host=host, port=port, reason=str(error) or "it does not answer") from error


async def _agree(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, context: ssl.SSLContext
) -> None:
    if not (await reader.readexactly(12)).startswith(b"RFB 003."):
        raise ValueError("it does not speak RFB")
    writer.write(VERSION)
    offered = await reader.readexactly((await reader.readexactly(1))[0])
    if VENCRYPT not in offered:
        raise ValueError("it speaks in the clear")
    writer.write(bytes([VENCRYPT]))
    await reader.readexactly(2)
    writer.write(b"\x00\x02")
    if await reader.readexactly(1) != b"\x00":
        raise ValueError("it does not know version 0.2 of VeNCrypt")
    count = (await reader.readexactly(1))[0]
    kinds = [int.from_bytes(await reader.readexactly(4), "big") for _ in range(count)]
    if X509_NONE not in kinds:
        raise ValueError("it wants more than a certificate")
    writer.write(X509_NONE.to_bytes(4, "big"))
    if await reader.readexactly(1) != b"\x01":
        raise ValueError("it refused to encrypt")
    await writer.start_tls(context, server_hostname=host)
    if any(await reader.readexactly(4)):
        raise ValueError("it does not accept the certificate of this host")


async def greet_viewer(read: Read, write: Write) -> None:
    """Be the server to a viewer up to its ClientInit. Raises ValueError where it does not speak RFB 3.8."""
    await write(VERSION)
    if await read(12) != VERSION:
        raise ValueError("the viewer does not speak RFB 3.8")
    await write(bytes([1, NONE]))
    if await read(1) != bytes([NONE]):
        raise ValueError("the viewer chose what was not offered")
    await write(bytes(4))
