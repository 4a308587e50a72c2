"""Processes that load for themselves, by the command and the settings that units of a deployment have (roles/runtime, roles/service):
what they hold is what a host's hold."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tinstack.dev.cache import cache
from tinstack.dev.forks import readable

OPTION = "-OO"
SETTINGS = {
    "PYTHONNODEBUGRANGES": "1",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "SSL_CERT_FILE": os.devnull,
}
"""In the place of a lab's authority: none."""


def _environment() -> dict[str, str]:
    """Bytecode without docstrings has a folder of its own: elsewhere it lies beside what others run."""
    found = {**os.environ, **SETTINGS, "PYTHONPYCACHEPREFIX": str(cache() / "bytecode")}
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    return found


def compile_all() -> None:
    """Write what they will run, as a deployment does: who compiles for himself keeps what that took."""
    subprocess.run([sys.executable, OPTION, "-c", "import tinstack.dev.loaded"], env=_environment(), check=True)


class Apart:
    """One process: ``tinstack`` with these arguments."""

    def __init__(self, arguments: tuple[str, ...]) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, name: str, environment: Mapping[str, str], log: Path) -> int:
        """Start it; its pid. ``environment``: what it has beside ours."""
        with open(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, OPTION, "-m", "tinstack.main", *self._arguments],
                env={**_environment(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether there is none (any more)."""
        return self._process is None or self._process.poll() is not None

    async def wait(self) -> int:
        """Until it has ended; its exit code, or less than zero for the signal that killed it."""
        assert self._process
        if not self.ended:
            watched = os.pidfd_open(self._process.pid)
            try:
                await readable(watched)
            finally:
                os.close(watched)
        return self._process.wait()
