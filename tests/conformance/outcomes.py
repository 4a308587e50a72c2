"""What became of a suite's tests: read from its subunit stream, compared with the known failures, told."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
ATTRIBUTES = re.compile(r"\[.*\]$")
CLASS_SET_UP = "setUpClass ({})"


class Outcome(NamedTuple):
    """What became of one test."""

    status: str
    why: str


def read(stream: bytes, wanted: list[str], python: Path, env: dict[str, str]) -> dict[str, Outcome]:
    """What became of each wanted test, from a suite's subunit stream; `python` has the library that reads it."""
    reader = [str(python), str(HERE / "results.py")]
    found = json.loads(subprocess.run(reader, input=stream, capture_output=True, check=True, env=env).stdout)
    return {id: outcome_of(id, found) for id in wanted}


def outcome_of(id: str, found: dict[str, list[str]]) -> Outcome:
    """Its own, else its class's; a test of which nothing is known has failed."""
    set_up = CLASS_SET_UP.format(plain(id).rpartition(".")[0])
    return Outcome(*(found.get(id) or found.get(set_up) or ("fail", "It was not run.")))


def plain(id: str) -> str:
    """The name of a test without its attributes."""
    return ATTRIBUTES.sub("", id)


def expected() -> dict[str, str]:
    """Name of each test that is expected to fail → why."""
    groups = tomllib.loads((HERE / "expected-failures.toml").read_text())["failures"]
    return {test: group["why"] for group in groups for test in group["tests"]}


def report(outcomes: dict[str, Outcome], known: dict[str, str], junit: Path | None) -> int:
    """Print the counts and all that did not pass; the exit status."""
    passed = sorted(plain(id) for id, one in outcomes.items() if one.status == "success")
    skipped = {plain(id): one.why for id, one in outcomes.items() if one.status == "skip"}
    failed = {plain(id): one.why for id, one in outcomes.items() if one.status not in ("success", "skip")}
    fresh = {name: why for name, why in failed.items() if name not in known}
    for title, some in (
        ("skipped", skipped),
        ("failed as expected", {name: known[name] for name in failed if name in known}),
        ("PASSED, not expected to (take it from expected-failures.toml)", dict.fromkeys(set(passed) & set(known), "")),
        ("FAILED", fresh),
    ):
        for name, why in sorted(some.items()):
            print(f"{title}: {name}{f': {why}' if why else ''}")
    print(
        f"{len(passed)} of {len(outcomes)} passed, {len(failed) - len(fresh)} failed as expected, "
        f"{len(fresh)} failed, {len(skipped)} skipped"
    )
    if junit:
        write_junit(junit, len(outcomes), len(fresh), len(outcomes) - len(passed) - len(fresh))
    return int(bool(fresh) or not passed)


def write_junit(path: Path, total: int, failures: int, skipped: int) -> None:
    """The counts as `./lab test` reads them; what fails as expected counts as skipped."""
    root = ElementTree.Element("testsuites")
    counts = {"tests": total, "failures": failures, "errors": 0, "skipped": skipped}
    ElementTree.SubElement(root, "testsuite", {key: str(value) for key, value in counts.items()})
    ElementTree.ElementTree(root).write(path)
