"""Keeps the processes of a split cloud as systemd keeps units: started, waited for (sd_notify), started again when they die."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tinstack.core.config import ConfigError
from tinstack.dev.apart import Apart
from tinstack.dev.forks import Fork

log = logging.getLogger(__name__)

RESTART_SECONDS = 1.0
START_SECONDS = 180.0
STOP_SECONDS = 1.0
HELD_SECONDS = 0.1
STARTS = 3
"""How often a process may die before it was ready for the first time."""


class ServiceDied(ConfigError):
    """A process does not come up; the message ends with the end of its log."""

    code = "dev.service"


@dataclass(frozen=True)
class Program:
    """One process: its name, the function that it runs, log file, and what its environment has beside ours. While the file ``held``
    is there it is not started again. ``command``: instead of the function, arguments of ``tinstack`` in an interpreter of its own."""

    name: str
    target: Callable[..., Any]
    arguments: tuple[Any, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    held: Path | None = None
    command: tuple[str, ...] = ()


class Child:
    """One program, kept running."""

    def __init__(
        self,
        program: Program,
        changed: Callable[[], None],
        guard: "Watch",
        restart_seconds: float = RESTART_SECONDS,
    ) -> None:
        self.program, self._changed, self._guard, self.restart_seconds = program, changed, guard, restart_seconds
        self.ready, self.pid, self.starts = asyncio.Event(), 0, 0
        self._address = f"tinstack-{os.getpid()}-{program.name}"
        self._process = Apart(program.command) if program.command else Fork(program.target, program.arguments)
        self._socket: socket.socket | None = None

    async def keep(self) -> None:
        """Run it for ever. Raises ServiceDied where it never became ready."""
        self._listen()
        while True:
            code = await self._run()
            log.warning("%s ended (exit code %s); it is started again", self.program.name, code)
            if self.starts >= STARTS and not self.ready.is_set():
                tail = self.program.log.read_text(errors="replace")[-800:]
                raise ServiceDied(f"{self.program.name} does not start: {tail}")
            await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(self.restart_seconds)
        while True:
            if self.program.held is None or not self.program.held.exists():
                return
            await asyncio.sleep(HELD_SECONDS)

    async def _run(self) -> int:
        self.starts += 1
        own = {"NOTIFY_SOCKET": f"@{self._address}", **self.program.environment}
        self.pid = self._process.start(self.program.name, own, self.program.log)
        self._guard.add(self.pid)
        self._changed()
        try:
            return await self._process.wait()
        finally:
            if self._process.ended:
                self._guard.drop(self.pid)

    def _listen(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind("\0" + self._address)
        asyncio.get_running_loop().add_reader(self._socket, self._told)

    def _told(self) -> None:
        assert self._socket
        with contextlib.suppress(BlockingIOError):
            if b"READY=1" in self._socket.recv(4096):
                self.ready.set()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL where that does not do."""
        try:
            await self._end()
        finally:
            if self._socket:
                asyncio.get_running_loop().remove_reader(self._socket)
                self._socket.close()

    async def _end(self) -> None:
        process = self._process
        if process.ended:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            log.warning("%s did not end in %g s and is killed", self.program.name, STOP_SECONDS)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            await process.wait()
        self._guard.drop(self.pid)


class Watch(Protocol):
    """Who is told which children there are."""

    def add(self, pid: int) -> None:
        """A child was started."""

    def drop(self, pid: int) -> None:
        """It is over."""


class Supervisor:
    """All programs. ``changed``: called when their pids are others."""

    def __init__(
        self,
        programs: list[Program],
        changed: Callable[[], None],
        guard: Watch,
        restart_seconds: float = RESTART_SECONDS,
    ) -> None:
        self.children = [Child(program, changed, guard, restart_seconds) for program in programs]
        self._keeping: list[asyncio.Task[None]] = []

    @property
    def pids(self) -> list[int]:
        """Of those that run."""
        return [child.pid for child in self.children if child.pid]

    async def start(self) -> None:
        """Start all at once; returns when all are ready. Raises ServiceDied."""
        self._keeping = [asyncio.create_task(child.keep(), name=child.program.name) for child in self.children]
        ready = asyncio.gather(*(child.ready.wait() for child in self.children))
        waiting: set[asyncio.Future[Any]] = {ready, *self._keeping}
        done, _ = await asyncio.wait(waiting, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if ready in done:
            return
        ready.cancel()
        await asyncio.gather(ready, return_exceptions=True)
        for task in self._keeping:
            if task in done:
                task.result()
        slow = ", ".join(child.program.name for child in self.children if not child.ready.is_set())
        raise ServiceDied(f"Not ready within {START_SECONDS:g} s: {slow}.")

    async def stop(self) -> None:
        """End all at once; nothing is started again."""
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        await asyncio.gather(*(child.stop() for child in self.children))
