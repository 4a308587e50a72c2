"""A small process that outlives its parent by moments, to end the children of a parent that was killed.

It reads ``+PID`` and ``-PID`` from a pipe that only the parent can write; at its end the parent is gone, and every process
group that is still noted gets SIGTERM and, a second later, SIGKILL. What says that the parent is ready is removed.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

GRACE_SECONDS = 1.0


class Guard:
    """The parent's side. Make it before any thread or event loop. ``ready``: the file that must not outlive the parent."""

    def __init__(self, ready: Path | None = None) -> None:
        reading, self._writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _watch(reading)
                if ready:
                    ready.unlink(missing_ok=True)
            finally:
                os._exit(0)
        os.close(reading)

    def add(self, pid: int) -> None:
        """Note a child that leads a process group."""
        os.write(self._writing, b"+%d\n" % pid)

    def drop(self, pid: int) -> None:
        """It is over."""
        os.write(self._writing, b"-%d\n" % pid)

    def close(self) -> None:
        """End the guard, and with it what is still noted."""
        os.close(self._writing)
        os.waitpid(self.pid, 0)


def noted(lines: bytes) -> set[int]:
    """The children that were noted and not dropped."""
    left: set[int] = set()
    for line in lines.split():
        (left.add if line.startswith(b"+") else left.discard)(int(line[1:]))
    return left


def _watch(reading: int) -> None:
    """Keep nothing that the parent had open: others wait for the end of its locks and pipes."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.dup2(reading, 0)
    os.closerange(1, 4096)
    lines = b""
    while data := os.read(0, 65536):
        lines += data
    end(noted(lines))


def end(groups: set[int], grace: float = GRACE_SECONDS) -> None:
    """SIGTERM to each group, SIGKILL to what is left after ``grace`` seconds."""
    until = time.monotonic() + grace
    left = {group for group in groups if _send(group, signal.SIGTERM)}
    while left and time.monotonic() < until:
        time.sleep(0.05)
        left = {group for group in left if _send(group, 0)}
    for group in left:
        _send(group, signal.SIGKILL)


def _send(group: int, number: int) -> bool:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False
