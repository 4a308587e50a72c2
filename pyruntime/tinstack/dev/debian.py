"""Debian packages that a test or a private backend needs: installed when they are missing, by root alone."""

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tinstack.core.config import ConfigError


class PackageError(ConfigError):
    """A package could not be installed, or a command failed; the message ends with what it said."""

    code = "dev.package"


def install(packages: Iterable[str]) -> None:
    """Have these packages. Raises PackageError."""
    wanted = list(packages)
    there = _installed(wanted)
    missing = [name for name in wanted if name not in there]
    if missing:
        apt("install", "-y", "--no-install-recommends", *missing)


def apt(*arguments: str, cwd: Path | None = None) -> None:
    """``apt-get``, once more after an update where it failed. Raises PackageError."""
    if os.geteuid() != 0:
        raise PackageError(f"As root, run: apt-get {' '.join(arguments)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120", "-o", "APT::Sandbox::User=root", *arguments]
    if subprocess.run(command, env=environment, cwd=cwd, capture_output=True).returncode:
        run(["apt-get", "-qq", "update"], environment)
        run(command, environment, cwd)


def run(command: list[str], environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """A command's output. Raises PackageError."""
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise PackageError(f"'{' '.join(command[:3])} …' failed: {(done.stderr or done.stdout).strip()[-800:]}")
    return done.stdout


def _installed(packages: Sequence[str]) -> set[str]:
    """Those of them that are."""
    ask = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages]
    lines = subprocess.run(ask, capture_output=True, text=True).stdout.splitlines()
    return {name for name, _, status in (line.partition(" ") for line in lines) if status == "installed"}
