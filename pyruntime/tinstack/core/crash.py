"""Crash points: named places before and after the effect of each step of the flow (and of each other operation), where a rig can
have a process die.

``TINSTACK_CRASH`` is read at import: ``FOLDER:POINT,POINT…``. At an armed point the process kills itself, once: a marker
file in the folder remembers, so that the process started in its place runs on. Where there is a file ``POINT.stop`` beside, it does
not die but stands still (SIGSTOP) until it is told to go on. Unarmed, a point does nothing.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "TINSTACK_CRASH"

STEPS: dict[str, tuple[int, ...]] = {
    "api": (6, 7, 8),
    "scheduler": (9, 10, 11, 12),
    "placement": (11,),
    "conductor": (9, 11, 15, 16, 17, 18, 29),
    "compute": (13, 14, 19, 21, 22, 24, 25, 27, 28, 29),
    "image": (20, 21),
    "network": (22, 23),
    "volume": (26, 27),
    "network-agent": (24,),
}
"""The steps of docs/architecture.md in which each service has an effect of its own."""


KINDS = (
    *("delete", "start", "stop", "reboot", "reboot_hard", "pause", "unpause", "suspend", "resume"),
    *("attach_interface", "detach_interface", "attach_volume", "detach_volume", "create_image"),
)
"""Operations on a server that is there, each with an effect of its own in the api (the transaction that begins it), on the host
(the guest's change) and in the conductor (the transaction that ends it)."""

PLACES: dict[str, tuple[str, ...]] = {
    "api": KINDS,
    "conductor": (
        *KINDS,
        "failed",
        "clear-ports",
        "clear-attachments",
        "clear-claim",
        "bury",
        "clear-rest",
        "forget-rest",
    ),
    "compute": (*KINDS, "undo"),
    "placement": ("give-back",),
    "network": ("remove-port",),
    "volume": ("reserve", "complete", "begin-detaching", "remove-attachment"),
}
"""Effects outside the 29 steps. ``failed``: the transaction in which the conductor takes a failure; ``undo``: a host's removal of
what it has of a failed boot; ``clear-…`` and ``bury``: the rest of a delete or an undo; ``…-rest``: of an attach that failed,
a detach or a snapshot; then what other services do for those."""


def points(service: str) -> list[str]:
    """All that there are in a service: ``before-N`` and ``after-N``, or a place's name for N."""
    places = [*map(str, STEPS.get(service, ())), *PLACES.get(service, ())]
    return [f"{when}-{place}" for place in places for when in ("before", "after")]


def setting(folder: Path, names: list[str]) -> str:
    """The value of ``TINSTACK_CRASH`` that arms these points."""
    return f"{folder}:{','.join(names)}"


def parse(value: str) -> tuple[Path, frozenset[str]]:
    """The folder of the markers, and the points."""
    folder, _, names = value.rpartition(":")
    return Path(folder), frozenset(name for name in names.split(",") if name)


_folder: Path
_armed: frozenset[str]


def arm(value: str) -> None:
    """From now on those points are armed and no others."""
    global _folder, _armed
    _folder, _armed = parse(value)


arm(os.environ.get(VARIABLE, ""))


def point(name: str) -> None:
    """Die (or stand still) here, if that is armed and has not happened yet."""
    if name in _armed and _first_time(name):
        os.kill(os.getpid(), signal.SIGSTOP if (_folder / f"{name}.stop").exists() else signal.SIGKILL)


@contextmanager
def around(place: int | str) -> Iterator[None]:
    """The effect of a step (or at another place): ``before-N`` on entering, ``after-N`` where it was done."""
    point(f"before-{place}")
    yield
    point(f"after-{place}")


def _first_time(name: str) -> bool:
    _folder.mkdir(parents=True, exist_ok=True)
    try:
        (_folder / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
