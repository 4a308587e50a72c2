"""Where a service listens: alone on its port, or beside other processes of the same service."""

import pytest

from tinstack.core.config import ConfigError, HttpConfig
from tinstack.core.http.serve import HttpServer


async def nothing(scope, receive, send):
    """An application that nobody asks."""


async def listening(share):
    first = HttpServer(nothing, HttpConfig(port=0, share_port=share))
    await first.start()
    (bound,) = first.sockets
    return first, HttpServer(nothing, HttpConfig(port=bound.getsockname()[1], share_port=share))


async def test_a_port_that_is_taken_is_said():
    first, second = await listening(share=False)
    try:
        with pytest.raises(ConfigError, match="Can't listen on"):
            await second.start()
    finally:
        await first.stop()


async def test_processes_of_a_service_share_their_port():
    first, second = await listening(share=True)
    try:
        await second.start()
        await second.stop()
    finally:
        await first.stop()
