"""A database and a bus that are given by their URLs: looked at before anything starts."""

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tinstack.core.config import ConfigError

if TYPE_CHECKING:
    from tinstack.dev.options import DevOptions

SECONDS = 5.0


class NotThere(ConfigError):
    """A URL is none, or nobody listens there."""

    code = "dev.given"


def check_given(options: "DevOptions") -> None:
    """Raises NotThere."""
    for option, url, scheme, port, greeting in (
        ("--database", options.database, "mysql", 3306, b""),
        ("--bus", options.bus, "amqp", 5672, b"AMQP\x00\x00\x09\x01"),
    ):
        if url is not None:
            host, there = _place(option, url, scheme, port)
            asyncio.run(_answers(option, url, host, there, greeting))


def _place(option: str, url: str, scheme: str, port: int) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        found = parts.hostname or "", parts.port or port
    except ValueError as error:
        raise NotThere(f"{option} '{url}' is no URL: {error}.") from error
    if parts.scheme != scheme or not found[0]:
        raise NotThere(f"{option} must be {scheme}://HOST:PORT, not '{url}'.")
    if parts.username or parts.path.strip("/"):
        raise NotThere(f"{option} names a place alone, {scheme}://HOST:PORT: users and names are the cloud's own.")
    return found


async def _answers(option: str, url: str, host: str, port: int, greeting: bytes) -> None:
    """Something of that kind listens there: either server begins to speak, RabbitMQ once it is greeted. Raises NotThere."""
    try:
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(greeting)
            said = await reader.read(64)
            writer.close()
    except (OSError, TimeoutError) as error:
        raise NotThere(f"{option} '{url}': nobody answers there ({str(error) or 'no word in time'}).") from error
    kind = "RabbitMQ" if greeting else "MariaDB"
    if not (said[:1] == b"\x01" if greeting else said[4:5] == b"\x0a"):
        raise NotThere(f"{option} '{url}': what answers there is no {kind}.")
