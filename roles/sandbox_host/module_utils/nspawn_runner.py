"""How a sandbox host's processes are held together: by cgroups of our own, or by the systemd that runs the machine."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

GRACE = 5.0
"""Seconds for killed processes to be gone."""


class HostError(Exception):
    """A host can't be made or removed; the message says which and why."""


def run(*argv: str) -> str:
    """Output of a command that must succeed."""
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise HostError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def mounts() -> Iterator[tuple[str, str, str]]:
    """Source, place and type of every mount, in the order they were made."""
    for line in Path("/proc/mounts").read_text().splitlines():
        source, place, kind = line.split(" ")[:3]
        yield source, place, kind


class Runner(Protocol):
    """How a host's processes are held together: by cgroups of our own, or by the machine's systemd."""

    def names(self) -> set[str]:
        """Hosts that have a cgroup or a unit."""

    def start(self, name: str, argv: list[str], environment: dict[str, str], console: Path) -> None:
        """Start the host's nspawn and return; the host then boots."""

    def leader(self, name: str, root: Path) -> int | None:
        """The nspawn of exactly this root, where it runs."""

    def kill(self, name: str) -> None:
        """End every process of the host, also those that an nspawn killed from outside left behind."""


class CgroupRunner:
    """For machines without systemd: a cgroup PROJECT/NAME in every hierarchy."""

    def __init__(self, project: str) -> None:
        self.project = project
        self.hierarchies = [Path(place) for _, place, kind in mounts() if kind in ("cgroup", "cgroup2")]

    def names(self) -> set[str]:
        """The folders below the project's cgroups."""
        return {path.name for top in self.hierarchies for path in (top / self.project).glob("*/")}

    def start(self, name: str, argv: list[str], environment: dict[str, str], console: Path) -> None:
        """Fork, join the cgroups, become nspawn in a session of its own."""
        groups = [self._make(top, name) for top in self.hierarchies]

        def join() -> None:
            for group in groups:
                (group / "cgroup.procs").write_text(str(os.getpid()))

        with console.open("wb") as log:
            subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,
                preexec_fn=join,
            )

    def _make(self, top: Path, name: str) -> Path:
        group = top / self.project / name
        for folder in (group.parent, group):
            folder.mkdir(exist_ok=True)
            # A new cpuset of version 1 is empty and refuses processes until it is filled, from the top down.
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if (top / setting).exists() and not (top / "cgroup.controllers").exists():
                    (folder / setting).write_text((top / setting).read_text())
        if (group / "cgroup.clone_children").exists() and (top / "cpuset.cpus").exists():
            (group / "cgroup.clone_children").write_text("1")
        return group

    def leader(self, name: str, root: Path) -> int | None:
        """Look for the nspawn among the processes of the cgroup's top folder."""
        return next((pid for pid in self._pids(name) if is_nspawn_of(pid, root)), None)

    def _pids(self, name: str) -> set[int]:
        found: set[int] = set()
        for top in self.hierarchies:
            for file in (top / self.project / name).glob("**/cgroup.procs"):
                with contextlib.suppress(OSError):
                    found.update(int(pid) for pid in file.read_text().split())
        return found - {0}

    def kill(self, name: str) -> None:
        """SIGKILL until the cgroups are empty, then remove them, and the project's with the last host.

        All are stopped first, as by a plug that is pulled: none sees the others die.
        """
        end = time.monotonic() + GRACE
        for pid in self._pids(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        while pids := self._pids(name):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > end:
                raise HostError(f"{name}: processes {sorted(pids)} in its cgroups do not end.")
            time.sleep(0.02)
        for top in self.hierarchies:
            for folder, _, _ in os.walk(top / self.project / name, topdown=False):
                _remove_cgroup(Path(folder), end)
            with contextlib.suppress(OSError):
                (top / self.project).rmdir()


def _remove_cgroup(folder: Path, end: float) -> None:
    """A cgroup stays busy for a moment after its last process."""
    while True:
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError as error:
            if time.monotonic() > end:
                raise HostError(f"{folder} can't be removed: {error.strerror}.") from error
            time.sleep(0.02)


class SystemdRunner:
    """For machines that systemd runs: a transient unit PROJECT-NAME.service."""

    def __init__(self, project: str) -> None:
        self.project = project

    def _unit(self, name: str) -> str:
        return f"{self.project}-{name}.service"

    def names(self) -> set[str]:
        """The units of the project, whatever their state."""
        pattern = f"{self.project}-*.service"
        lines = run("systemctl", "list-units", "--all", "--plain", "--no-legend", pattern).splitlines()
        return {line.split()[0].removeprefix(f"{self.project}-").removesuffix(".service") for line in lines}

    def start(self, name: str, argv: list[str], environment: dict[str, str], console: Path) -> None:
        """systemd delegates a cgroup to the unit and ends all of it together."""
        settings = ["Delegate=yes", "KillMode=mixed", "TimeoutStopSec=10s"]
        settings += [f"StandardOutput=truncate:{console}", "StandardError=inherit"]
        run(
            "systemd-run",
            "--quiet",
            "--collect",
            f"--unit={self._unit(name)}",
            *(f"--property={setting}" for setting in settings),
            *(f"--setenv={key}={value}" for key, value in environment.items()),
            *argv,
        )

    def leader(self, name: str, root: Path) -> int | None:
        """Ask for the unit's main process."""
        pid = run("systemctl", "show", "--property=MainPID", "--value", self._unit(name)).strip()
        return int(pid) if pid not in ("", "0") and is_nspawn_of(int(pid), root) else None

    def kill(self, name: str) -> None:
        """Kill all of the unit's processes, then let systemd forget it."""
        if name in self.names():
            with contextlib.suppress(HostError):  # nothing left to kill
                run("systemctl", "kill", "--signal=KILL", self._unit(name))
            run("systemctl", "stop", self._unit(name))


def is_nspawn_of(pid: int, root: Path) -> bool:
    """Whether the process is an nspawn of exactly this root."""
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return argv[0].endswith(b"systemd-nspawn") and f"--directory={root}".encode() in argv


def runner_of(project: str) -> Runner:
    """The runner that fits this machine."""
    return SystemdRunner(project) if Path("/run/systemd/system").is_dir() else CgroupRunner(project)
