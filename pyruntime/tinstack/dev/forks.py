"""Processes in sessions of their own, forked from one that has loaded what all services load, so that each is there in a moment.

The standard library's fork server (``multiprocessing``, start method "forkserver") is that one: a process without threads or an
event loop, which ends with us.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from tinstack.core import crash

SERVER = "forkserver"


def warm() -> None:
    """Start loading: what is forked from now on waits until that is done."""
    multiprocessing.get_context(SERVER).set_forkserver_preload(["tinstack.dev.loaded"])
    forkserver.ensure_running()


class Fork:
    """One process. ``target(*arguments)`` runs in it, its return value is the exit code."""

    def __init__(self, target: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._context: Any = multiprocessing.get_context(SERVER)
        self._target, self._arguments = target, arguments
        self._process: Any = None

    def start(self, name: str, environment: Mapping[str, str], log: Path) -> int:
        """Fork it; its pid. ``environment``: what it has beside ours."""
        given = (self._target, self._arguments, {**os.environ, **environment}, str(log))
        self._process = self._context.Process(target=_become, args=given, name=name, daemon=True)
        self._process.start()
        return int(self._process.pid)

    @property
    def ended(self) -> bool:
        """Whether there is none (any more)."""
        return self._process is None or self._process.exitcode is not None

    async def wait(self) -> int:
        """Until it has ended; its exit code, or less than zero for the signal that killed it."""
        if not self.ended:
            await readable(self._process.sentinel)
        return int(self._process.exitcode)


async def readable(descriptor: int) -> None:
    """Until there is something to read, or its other end is gone."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(descriptor)


def _become(target: Callable[..., Any], arguments: tuple[Any, ...], environment: dict[str, str], log: str) -> None:
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, there in enumerate((nothing, output, output)):
        os.dup2(there, number)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    crash.arm(environment.get(crash.VARIABLE, ""))
    sys.exit(target(*arguments))
