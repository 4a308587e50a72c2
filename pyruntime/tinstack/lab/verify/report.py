"""What `verify` found: checks that passed or failed, and what has no owner."""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from tinstack.lab.words import LabError


class Skipped(Exception):
    """The check can't be made here, for the reason that the sentence says; that is no failure."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was tried. ``ok``: None where it could not be tried here. ``message``: what was seen, or why it failed."""

    name: str
    ok: bool | None
    duration_ms: float = 0.0
    message: str = ""

    @property
    def line(self) -> str:
        state = {True: "ok", False: "FAILED", None: "skipped"}[self.ok]
        return f"{state:<8} {self.name:<28} {self.message}".rstrip()


class Orphan(msgspec.Struct):
    """Something without what it belongs to. ``host``: where it is, None for rows. ``reason``: the whole sentence.

    ``repaired``: what was done about it; None where nothing was, or where it did not help. ``owner``: the id that it names.
    """

    kind: str
    name: str
    host: str | None
    reason: str
    repaired: str | None = None
    owner: str = ""
    on_host: bool = False
    """Whether it is a thing on a host rather than a row."""

    @property
    def key(self) -> tuple[str, str, str | None]:
        return self.kind, self.name, self.host

    def public(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("kind", "name", "host", "reason", "repaired")}


class Report(msgspec.Struct):
    """All of it."""

    checks: list[Check] = []
    orphans: list[Orphan] = []
    mended: bool = False
    """Whether it was tried to put right what can be."""

    compared: bool = False
    """Whether hosts and rows could be compared."""

    @property
    def left(self) -> list[Orphan]:
        return [one for one in self.orphans if not one.repaired]

    @property
    def healthy(self) -> bool:
        return not self.left and all(check.ok is not False for check in self.checks)

    def public(self) -> dict[str, Any]:
        return {
            "healthy": self.healthy,
            "checks": self.checks,
            "orphans": [one.public() for one in self.orphans],
        }

    def show_orphans(self) -> None:
        for one in self.orphans:
            print(f"orphan   {one.reason}{f' {one.repaired}' if one.repaired else ''}")
        if self.compared and not self.orphans:
            print("Nothing was found without an owner.")

    def verdict(self) -> str:
        """What is not well, counted."""
        failed = [check.name for check in self.checks if check.ok is False]
        said = []
        if failed:
            said.append(f"{len(failed)} of {len(self.checks)} checks failed: {', '.join(failed)}.")
        if self.left:
            what = "has" if len(self.left) == 1 else "have"
            hint = "" if self.mended else " `./lab verify --repair` removes what can be removed."
            said.append(f"{len(self.left)} {what} no owner.{hint}")
        return " ".join(said)


def timed(name: str, work: Callable[[], str]) -> Check:
    """Try it; its sentence, or the reason why it failed."""
    began = time.perf_counter()
    ok: bool | None
    try:
        ok, message = True, work()
    except Skipped as skipped:
        ok, message = None, str(skipped)
    except LabError as error:
        ok, message = False, error.message
    return Check(name, ok, round((time.perf_counter() - began) * 1000, 1), message)


def wait_for(what: str, done: Callable[[], bool], seconds: float) -> None:
    """Ask again and again. Raises LabError past that time."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise LabError(f"{what} within {seconds:g} s.")
        time.sleep(0.2)
