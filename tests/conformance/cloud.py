"""A `dev` cloud of its own for a run of a suite."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS, STOP_SECONDS = 30, 15
PORTS = 8


@contextmanager
def dev(state: Path) -> Iterator[Path]:
    """A cloud that lives as long as this."""
    command = [sys.executable, "-m", "tinstack.lab", "dev", "--state", str(state), "--port-base", str(free_ports())]
    with open(state.with_suffix(".log"), "w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        end = time.monotonic() + READY_SECONDS
        while not (state / "ready.json").exists():
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"The cloud did not start: {state.with_suffix('.log').read_text()[-2000:]}")
            time.sleep(0.1)
        yield state
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_ports() -> int:
    """The first of as many ports in a row as ``dev`` takes, all of them free now."""
    for base in range(20000, 32000, 100):
        try:
            for port in range(base, base + PORTS):
                with socket.socket() as one:
                    one.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise SystemExit("There are no free ports for a cloud on this machine.")
