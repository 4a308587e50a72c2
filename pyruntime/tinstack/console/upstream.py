"""The way from here to a guest's console, encrypted where hosts have certificates."""

import asyncio
from dataclasses import dataclass

from tinstack.console.vencrypt import open_display
from tinstack.core.config import HostTls
from tinstack.core.errors import Unavailable
from tinstack.core.tls import between_hosts


@dataclass(frozen=True)
class Target:
    """``path``: the line that is said first to a host's agent; '': it is a display of its own. ``serial``: a serial line."""

    server_id: str
    host: str
    port: int
    path: str = ""
    serial: bool = False


@dataclass(frozen=True)
class Upstream:
    """An open console. ``agreed``: security was negotiated with the display here, so the viewer is still to be greeted."""

    target: Target
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    agreed: bool = False


class Unreachable(Unavailable):
    """503: the host does not answer."""

    code, message = "console.unreachable", "The console of server {id} can't be reached: {why}."


async def connect(target: Target, tls: HostTls | None, seconds: float) -> Upstream:
    """Raises Unreachable, DisplayRefused."""
    context = await asyncio.to_thread(between_hosts, tls, server=False) if tls else None
    if context and not target.path:
        return Upstream(target, *await open_display(target.host, target.port, context), agreed=True)
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(target.host, target.port, ssl=context)
    except (OSError, TimeoutError) as error:
        raise Unreachable(id=target.server_id, why=str(error) or "no answer in time") from error
    if target.path:
        writer.write(f"{target.path}\n".encode())
    return Upstream(target, reader, writer)
