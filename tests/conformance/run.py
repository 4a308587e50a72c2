"""Run a list of OpenStack's acceptance suite, Tempest, against a ``dev`` cloud of its own: ``./lab test conformance [LIST]``.

A failure that expected-failures.toml does not name fails the run; one that it names is listed with its reason.
"""

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any, NamedTuple
from xml.etree import ElementTree

from tinstack.lab import clouds
from tinstack.lab.client import Client

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LISTS = {
    "smoke": ["--smoke"],
    **{area: ["--regex", rf"tempest\.api\.{area}\."] for area in ("identity", "compute", "image", "network", "volume")},
}
READY_SECONDS, STOP_SECONDS = 30, 15
PORTS = 8
WORKERS = "2"
ATTRIBUTES = re.compile(r"\[.*\]$")
CLASS_SET_UP = "setUpClass ({})"


class Outcome(NamedTuple):
    """What became of one test."""

    status: str
    why: str


def main() -> int:
    """Exit status 1 where something fails that is not expected to, or nothing passes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("list", nargs="?", default="smoke", choices=LISTS)
    parser.add_argument("--junitxml", type=Path)
    asked = parser.parse_args()
    environment = Path(os.environ.get("TINSTACK_TEMPEST") or ROOT / ".tempest")
    if not (environment / "bin" / "tempest").exists():
        print("There is no Tempest here; run it by `./lab test conformance`, which installs it.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="tinstack-conformance-") as folder, dev(Path(folder) / "dev") as state:
        outcomes = tempest(environment / "bin", Path(folder), state, asked.list)
    return report(outcomes, expected(), asked.junitxml)


# --- the cloud ------------------------------------------------------------------------------------


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


def settings(state: Path, folder: Path) -> dict[str, str]:
    """What the configuration needs to know of this cloud."""
    ready = json.loads((state / "ready.json").read_text())
    entry = json.loads((state / "clouds.yaml").read_text())["clouds"]["tinstack-admin"]["auth"]
    client = Client(clouds.read(state / "clouds.yaml", "tinstack-admin"))
    images = [one["id"] for one in client.get("image", "/v2/images", {"visibility": "public"})["images"]]
    flavors = [one for one in client.get("compute", "/flavors/detail")["flavors"] if one["disk"]]
    flavors.sort(key=lambda one: (one["ram"], one["vcpus"], one["disk"]))
    small = flavors[0]
    larger = next(one for one in flavors if all(one[key] > small[key] for key in ("ram", "vcpus", "disk")))
    [outer] = client.get("network", "/v2.0/networks", {"router:external": "True"})["networks"]
    return {
        "folder": str(folder),
        "auth_url": ready["auth_url"],
        "region": ready["region"],
        "admin_user": entry["username"],
        "admin_password": entry["password"],
        "admin_project": entry["project_name"],
        "image": images[0],
        "other_image": images[1],
        "flavor": small["id"],
        "larger_flavor": larger["id"],
        "public_network": outer["id"],
        "public_network_name": outer["name"],
    }


# --- Tempest --------------------------------------------------------------------------------------


def tempest(programs: Path, folder: Path, state: Path, name: str) -> dict[str, Outcome]:
    """Run the list; what became of each of its tests."""
    workspace = folder / "tempest"
    env = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    env |= {"PATH": f"{programs}:{env.get('PATH', '/usr/bin:/bin')}", "TMPDIR": str(folder)}
    env.pop("PYTHONPATH", None)

    def call(*words: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([programs / "tempest", *words], env=env, check=False, **more)

    made = call("init", "--workspace-path", str(folder / "workspaces.yaml"), str(workspace), capture_output=True)
    if made.returncode:
        raise SystemExit(f"Tempest made no workspace: {made.stderr.decode()}")
    text = Template((HERE / "tempest.conf.in").read_text()).substitute(settings(state, workspace))
    file = workspace / "etc" / "tempest.conf"
    file.touch(mode=0o600)
    file.write_text(text)
    chosen = ["--config-file", str(file), *LISTS[name], "--exclude-list", str(HERE / "not-run.txt")]
    listed = call("run", *chosen, "--list-tests", cwd=workspace, capture_output=True).stdout.decode()
    wanted = [line for line in listed.splitlines() if ATTRIBUTES.search(line) and " " not in line]
    if not wanted:
        raise SystemExit(f"Tempest lists no tests: {listed[-2000:]}")
    print(f"{len(wanted)} tests of the list {name}", flush=True)
    ran = call("run", *chosen, "--concurrency", WORKERS, "--subunit", cwd=workspace, capture_output=True)
    read = [str(programs / "python"), str(HERE / "results.py")]
    found = json.loads(subprocess.run(read, input=ran.stdout, capture_output=True, check=True, env=env).stdout)
    return {id: outcome_of(id, found) for id in wanted}


def outcome_of(id: str, found: dict[str, list[str]]) -> Outcome:
    """Its own, else its class's; a test of which nothing is known has failed."""
    set_up = CLASS_SET_UP.format(plain(id).rpartition(".")[0])
    return Outcome(*(found.get(id) or found.get(set_up) or ("fail", "It was not run.")))


def plain(id: str) -> str:
    """The name of a test without its attributes."""
    return ATTRIBUTES.sub("", id)


# --- the report -----------------------------------------------------------------------------------


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


if __name__ == "__main__":
    sys.exit(main())
