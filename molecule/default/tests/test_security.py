"""`./lab verify --security` on real hosts: a lab as deployed is fine, and one thing of each kind that is not is named."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from guests import Lab

testinfra_hosts = ["ansible://controllers"]

PLANT = """set -e
chmod 0644 /etc/tinstack/credentials/api/bus
useradd --no-create-home nobodys && passwd -d nobodys
cp -p /etc/tinstack/tls/host.pem /root/host.pem.kept
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=short -days 3 -out /root/short.pem
cat /root/short.pem >/etc/tinstack/tls/host.pem
systemd-run --unit=tinstack-stray --property=User=nobody python3 -m http.server 8099"""
UNPLANT = """systemctl stop tinstack-stray
chmod 0600 /etc/tinstack/credentials/api/bus
userdel nobodys
mv /root/host.pem.kept /etc/tinstack/tls/host.pem
rm -f /root/short.pem"""


def check(lab: Lab) -> tuple[int, dict[str, Any]]:
    """Its exit code and what it printed."""
    done = lab("verify", "--security", "--json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def planted(host: Host, state: Path) -> Iterator[None]:
    secrets = state / "secrets.yml"
    host.check_output(PLANT)
    secrets.chmod(0o640)
    yield
    secrets.chmod(0o600)
    host.check_output(UNPLANT)


def test_a_lab_as_deployed_is_as_secure_as_meant(lab: Lab) -> None:
    code, said = check(lab)
    assert [one["message"] for one in said["checks"] if not one["ok"]] == []
    assert (code, said["secure"]) == (0, True)


@pytest.mark.usefixtures("planted")
def test_what_is_not_as_meant_is_named(host: Host, lab: Lab) -> None:
    name = host.check_output("hostname")
    code, said = check(lab)
    found = {(one["name"], one["message"]) for one in said["checks"] if not one["ok"]}

    def named(check: str, *words: str) -> bool:
        return any(check == where and all(word in sentence for word in words) for where, sentence in found)

    assert (code, said["secure"]) == (1, False)
    assert named(f"ports of {name}", "TCP port 8099", "python3 (tinstack-stray.service)")
    assert named(f"files of {name}", "/etc/tinstack/credentials/api/bus is root:root 0644")
    assert named(f"units of {name}", "tinstack-stray.service has an exposure of")
    assert named(f"certificates of {name}", "host.pem ends in 3 days")
    assert named(f"passwords of {name}", "The account nobodys of the host needs no password")
    assert named("files of this machine", "secrets.yml has mode 0640")
    assert len(found) == 6
