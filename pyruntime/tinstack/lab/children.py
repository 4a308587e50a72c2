"""Processes that a verb starts: none outlives it, and one Ctrl-C (or SIGTERM) ends them in order."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

TETHER = ("setpriv", "--pdeathsig", "TERM")
"""Prefix of a command that is to end when its parent is killed."""

GRACE = 15.0
"""Seconds that children have to end by themselves."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Whether, and by which signal, somebody asked the verb to end."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __bool__(self) -> bool:
        return self.signal is not None


@contextmanager
def passing_signals_on(as_signal: signal.Signals = signal.SIGTERM) -> Iterator[Interruption]:
    """While this holds, signals that end us reach our children's process groups first, as that one; stragglers are killed after GRACE."""
    interruption = Interruption()
    timer = threading.Timer(GRACE, tell_children, (signal.SIGKILL,))
    timer.daemon = True

    def handle(number: int, _frame: FrameType | None) -> None:
        if interruption:
            tell_children(signal.SIGKILL)
        else:
            interruption.signal = signal.Signals(number)
            tell_children(as_signal)
            timer.start()

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield interruption
    finally:
        timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def tell_children(number: signal.Signals) -> None:
    """Send a signal to each child of ours: to its process group where it leads one."""
    for child in children_of(os.getpid()):
        try:
            if os.getpgid(child) == child:
                os.killpg(child, number)
            else:
                os.kill(child, number)
        except ProcessLookupError:
            pass


def children_of(parent: int) -> list[int]:
    """Processes whose parent this is. Source: proc(5), `stat`: the parent is the second field after the name in brackets."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(entry.parent.name))
    return found


def run(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> int:
    """Run a command to its end, its output on ours, and give its exit code."""
    child = subprocess.Popen(
        [*TETHER, *command], cwd=cwd, env=dict(env), start_new_session=True, stdin=subprocess.DEVNULL
    )
    return child.wait()
