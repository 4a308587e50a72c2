"""Uvicorn with uvloop and httptools, as a part that is started and stopped, several in one loop if need be."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from tinstack.core.config import ConfigError, HttpConfig


class _Quiet(uvicorn.Server):
    """Signals are the program's, not the server's; and it sleeps until it is told to end, instead of looking ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ending = asyncio.Event()

    async def main_loop(self) -> None:
        await self.ending.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """One listening socket and its application."""

    def __init__(self, app: Any, config: HttpConfig) -> None:
        self.config = config
        self._server = _Quiet(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                http="httptools",
                ws="none",
                server_header=False,
                date_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=1,
                backlog=1024,
            )
        )
        self.sockets: list[socket.socket] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; raises ConfigError when the port is taken."""
        family = socket.AF_INET6 if ":" in self.config.host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.config.share_port:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            listening.bind((self.config.host, self.config.port))
        except OSError as error:
            listening.close()
            raise ConfigError(f"Can't listen on {self.config.host}:{self.config.port}: {error.strerror}.") from error
        listening.setblocking(False)
        self.sockets = [listening]
        self._task = asyncio.create_task(self._server.serve(sockets=self.sockets))
        while not self._server.started:
            await asyncio.sleep(0.005)
            if self._task.done():
                self._task.result()

    async def stop(self) -> None:
        """Finish what is being answered, within a second."""
        self._server.should_exit = True
        self._server.ending.set()
        if self._task:
            await asyncio.gather(self._task, return_exceptions=True)
