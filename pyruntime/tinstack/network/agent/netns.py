"""Network namespaces (namespaces(7)): which there are, and doing something inside one.

A thread that has moved takes its children and its sockets along, so programs, nftables and /proc/sys all follow.
"""

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

from tinstack.core.errors import ApiError
from tinstack.network.agent.names import SPACE

FOLDER = Path("/run/netns")
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class NoSuchSpace(ApiError):
    """The namespace is not there (yet)."""

    code = "network.agent.namespace"
    message = "The network namespace '{name}' can't be entered: {reason}."


def ours() -> set[str]:
    """Our namespaces; a name whose mount is gone is none."""
    if not FOLDER.is_dir():
        return set()
    outside = FOLDER.stat().st_dev
    return {entry.name for entry in FOLDER.iterdir() if SPACE.fullmatch(entry.name) and entry.stat().st_dev != outside}


def identity(name: str) -> int:
    """A number that another namespace of the same name would not have."""
    return (FOLDER / name).stat().st_ino


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """Let this thread be in the namespace (empty name: stay); it must not await meanwhile. Raises NoSuchSpace."""
    if not name:
        yield
        return
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            there = os.open(FOLDER / name, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise NoSuchSpace(name=name, reason=error.strerror) from error
        try:
            _enter(there, name)
        finally:
            os.close(there)
        try:
            yield
        finally:
            _enter(home, "home")
    finally:
        os.close(home)


def _enter(descriptor: int, name: str) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise NoSuchSpace(name=name, reason=os.strerror(ctypes.get_errno()))
