"""`test`: the rings of tests, each a few commands, with their times and one closing line that counts."""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import click

from tinstack.dev import debian
from tinstack.lab import children, plays, words
from tinstack.lab.labs import ROOT
from tinstack.lab.progress import seconds
from tinstack.lab.words import LabError

REAL_BACKENDS = {"TINSTACK_TEST_BACKENDS": "real"}
"""Makes tests/api run on private MariaDB and RabbitMQ instances instead of SQLite and the in-process bus."""


CONFORMANCE = "tests/conformance/run.py"
FUZZ = "tests.fuzz"
"""Hostile requests to every API; many in a ring of their own, a few with the others."""
LISTS = ("smoke", "identity", "compute", "image", "network", "volume", "sdk")
"""Lists of OpenStack's acceptance suite; the first is what the ring runs."""


@dataclass(frozen=True, slots=True)
class Check:
    """One command of a ring. Where it writes a JUnit report, its tests are counted; anything else counts as one."""

    title: str
    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()

    @property
    def counts_itself(self) -> bool:
        """Whether it writes a JUnit report."""
        return self.command[0] == "pytest" or CONFORMANCE in self.command or FUZZ in self.command


NEEDS: dict[str, tuple[str, ...]] = {
    "unit": ("qemu-utils", "libvirt0", "libvirt-clients", "libxml2-utils"),
    "api": ("qemu-system-common", "qemu-utils"),
    "guests": ("chromium",),
}
"""Debian packages whose programs a ring's tests run; what the hosts of molecule need their plays install."""

RINGS: dict[str, tuple[Check, ...]] = {
    "unit": (Check("unit", ("pytest", "-q", "tests/unit")),),
    "api": (
        Check("api on SQLite and the in-process bus", ("pytest", "-q", "tests/api")),
        Check("api on MariaDB and RabbitMQ", ("pytest", "-q", "tests/api"), tuple(REAL_BACKENDS.items())),
    ),
    "fuzz": (Check("hostile requests", ("python", "-m", FUZZ)),),
    "lint": (
        Check("shell", ("sh", "-n", "lab")),
        Check("ruff", ("ruff", "check", ".")),
        Check("formatting", ("ruff", "format", "--check", ".")),
        Check("types", ("mypy",)),
        Check("imports", ("lint-imports",)),
        Check("yamllint", ("yamllint", "--strict", ".")),
        Check("ansible-lint", ("ansible-lint", "--offline", "--profile", "production", "--strict")),
    ),
    "conformance": (Check("conformance, smoke", ("python", CONFORMANCE, LISTS[0])),),
    "faults": (
        Check("faults", ("pytest", "-q", "tests/faults")),
        Check("concurrency", ("pytest", "-q", "tests/concurrency")),
    ),
    "bench": (Check("bench", ("python", "tests/bench/run.py")),),
    "molecule": (Check("molecule", ("molecule", "test", "-s", "default")),),
    "guests": (Check("real guests", ("molecule", "test", "-s", "guests")),),
    "restore": (Check("a lab from its backup", ("molecule", "test", "-s", "restore")),),
    "broken": (Check("broken labs", ("molecule", "test", "-s", "faults")),),
    "spread": (Check("a lab of many kinds of hosts", ("molecule", "test", "-s", "spread")),),
    "combined": (Check("a lab on one host", ("molecule", "test", "-s", "combined")),),
}


SHORT: dict[str, tuple[Check, ...]] = {
    "faults": (Check("faults, a short selection", ("pytest", "-q", "tests/faults", "-m", "short")),),
    "fuzz": (Check("some hostile requests", ("python", "-m", FUZZ, "--requests", "4000")),),
}
"""What runs of a long ring when no ring is named."""

ON_REQUEST = {"bench", "guests", "restore", "broken", "spread", "combined"}
"""Rings that run only when they are named, or with all."""


@dataclass(frozen=True, slots=True)
class Result:
    """How one command ended."""

    title: str
    passed: int
    failed: int
    seconds: float


def chosen(words: Sequence[str], everything: bool = False) -> list[tuple[str, tuple[Check, ...]]]:
    """The rings that are named, in that order; or ``everything`` whole but bench, which asserts nothing; or the usual ones, the
    long ones in short. After ``conformance`` may stand its list.

    Raises UsageError.
    """
    if everything and words:
        raise click.UsageError("--all runs every ring: name none.")
    found = {name: checks for name, checks in RINGS.items() if everything and name != "bench"}
    before = ""
    for word in words:
        if word in RINGS:
            found.setdefault(word, RINGS[word])
        elif word in LISTS and before == "conformance":
            found[before] = (Check(f"conformance, {word}", ("python", CONFORMANCE, word)),)
        else:
            raise click.UsageError(f"There is no ring '{word}'; there are: {', '.join(RINGS)}.")
        before = word
    usual = ((ring, SHORT.get(ring, checks)) for ring, checks in RINGS.items() if ring not in ON_REQUEST)
    return list(found.items() or usual)


def run_rings(names: Sequence[str], seed: int | None = None, everything: bool = False) -> None:
    """Run rings, as `chosen`; ``seed``: of the hostile requests. Raises LabError where anything failed."""
    results = []
    rings = chosen(names, everything)
    with children.passing_signals_on(signal.SIGINT) as interruption:
        for name, checks in rings:
            have_packages(name)
            for check in checks:
                results.append(run(seeded(check, seed)))
                if interruption:
                    raise LabError("Interrupted.")
    click.echo()
    for line in report(results):
        click.echo(line)
    if failed := [result.title for result in results if result.failed]:
        raise LabError(f"These failed: {', '.join(failed)}.")


def seeded(check: Check, seed: int | None) -> Check:
    """The check with that seed, where it draws by chance."""
    if seed is None or FUZZ not in check.command:
        return check
    return replace(check, command=(*check.command, "--seed", str(seed)))


def have_packages(ring: str) -> None:
    """Install what the ring's tests need. Raises LabError."""
    try:
        debian.install(NEEDS.get(ring, ()))
    except debian.PackageError as error:
        raise LabError(error.text) from error


def run(check: Check) -> Result:
    """Run one command, its output on ours."""
    click.echo(f"\n== {check.title}: {' '.join(check.command)}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tinstack-test-") as scratch:
        counted = Path(scratch) / "junit.xml"
        command = [*program(check.command), *([f"--junitxml={counted}"] if check.counts_itself else [])]
        plain = {} if words.live(sys.stdout) else {"NO_COLOR": "1"}
        code = children.run(command, ROOT, {**plays.environment(), **plain, **dict(check.env)})
        passed, failed = counts(counted) if check.counts_itself else (int(code == 0), int(code != 0))
    # pytest's code also tells of what no test reports: nothing collected, a conftest that does not load.
    result = Result(check.title, passed, failed or int(code != 0), time.monotonic() - began)
    click.echo(f"== {check.title}: {'FAILED' if result.failed else 'passed'} in {seconds(result.seconds)}")
    return result


def program(command: Sequence[str]) -> list[str]:
    """The command with its program as this environment has it, or the machine's."""
    ours = Path(sys.executable).parent / command[0]
    return [str(ours) if os.access(ours, os.X_OK) else command[0], *command[1:]]


def counts(junit: Path) -> tuple[int, int]:
    """Numbers of passed and failed tests in a JUnit report; a test that was skipped is neither."""
    if not junit.exists():
        return 0, 0
    suites = list(ElementTree.parse(junit).getroot().iter("testsuite"))
    total, failures, errors, skipped = (
        sum(int(suite.get(key, 0)) for suite in suites) for key in ("tests", "failures", "errors", "skipped")
    )
    return total - failures - errors - skipped, failures + errors


def report(results: Iterable[Result]) -> list[str]:
    """A line per command, then the closing line."""
    kept = list(results)
    width = max(len(result.title) for result in kept)
    lines = [
        f"{result.title:<{width}}  {result.passed:>5} passed {result.failed:>4} failed  {seconds(result.seconds)}"
        for result in kept
    ]
    return [
        *lines,
        "",
        f"{sum(result.passed for result in kept)} passed, {sum(result.failed for result in kept)} failed",
    ]
