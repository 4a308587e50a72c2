"""The verbs that look: what is down is said with its cause, lines of all hosts are merged, an archive has no secret."""

import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from guests import Lab

testinfra_hosts = ["ansible://api"]

PLANTED = {
    "/etc/tinstack/planted.conf": "password = PLANTED-in-config",
    "/etc/default/planted": "BACKUP_TOKEN=PLANTED-in-environment",
    "/var/log/tinstack/planted.log": '{{"time":"{now}","level":"ERROR","message":"secret=PLANTED-in-a-log, {bus}"}}',
}


@pytest.fixture
def planted(host: Host) -> Iterator[None]:
    """Secrets where people leave them, and one of the lab's own in a log."""
    bus = host.check_output("cat /etc/tinstack/credentials/api/bus")
    now = host.check_output("date +%Y-%m-%dT%H:%M:%S%:z")
    for path, text in PLANTED.items():
        host.check_output("printf '%%s\\n' %s >%s", text.format(now=now, bus=bus) if "{" in text else text, path)
    yield
    host.check_output("rm -f " + " ".join(PLANTED))


def test_a_healthy_lab_says_so(lab: Lab) -> None:
    done = lab("status", "--json")
    said: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, said["problems"]) == (0, [])
    assert all(looked["memory"]["total_mib"] > 0 and looked["units"] for looked in said["looked"].values())
    assert any(looked["queues"] for looked in said["looked"].values())


def test_a_stopped_database_is_named_within_ten_seconds_though_no_api_answers(lab: Lab, host: Host) -> None:
    host.check_output("systemctl kill --signal=KILL mariadb && systemctl stop mariadb")
    try:
        done = lab("status")
    finally:
        host.check_output("systemctl start mariadb")
    assert done.returncode == 1
    first = next(line for line in done.stdout.splitlines() if line.startswith("PROBLEM"))
    assert re.match(
        r"PROBLEM  mariadb on \S+ is (inactive|failed) since \d+ s ago: it was (stopped|ended by signal)", first
    )


def test_lines_of_all_hosts_are_merged_by_time(lab: Lab, host: Host, planted: None) -> None:
    done = lab("logs", "--since", "1h", "--json")
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert len({line["host"] for line in said}) > 1
    times = [line["time"] for line in said]
    assert times == sorted(times)
    alone = lab("logs", "--since", "1h", "--json", "--service", "planted", "--level", "error").stdout.splitlines()
    assert [json.loads(line)["level"] for line in alone] == ["ERROR"]


def test_an_archive_has_what_helps_and_no_secret(
    lab: Lab, host: Host, planted: None, tmp_path: Path, state: Path
) -> None:
    done = lab("collect", "--output", str(tmp_path / "a.tar.gz"))
    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        found = {entry.name: archive.extractfile(entry).read().decode() for entry in archive}  # type: ignore[union-attr]
    name = host.backend.get_hostname()
    for wanted in (
        "things.json",
        "network/nft",
        "units/status",
        "config/etc/tinstack/api.toml",
        "logs/planted.log",
        "journal/mariadb",
    ):
        assert f"{name}/{wanted}" in found
    assert found[f"{name}/database/schema-version-tinstack_identity"].strip()
    secrets = re.findall(r"[A-Za-z0-9_=-]{30,}", (state / "secrets.yml").read_text())
    for secret in ("PLANTED-", *secrets):
        assert not [name for name, text in found.items() if secret in text]
