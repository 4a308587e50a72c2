"""`--check` of each verb changes nothing on real hosts; `reconfigure` restarts only what reads what changed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from testinfra.host import Host

from guests import Lab

testinfra_hosts = ["local://"]

HOSTS = ("m-controller", "m-compute1", "m-compute2")
VERBS = (
    "reconfigure",
    "upgrade",
    "rotate-secrets",
    "renew-certificates",
    "backup",
    "drain m-compute2",
    "remove m-compute2",
    "add-compute m-compute2",
)
LOOK = (
    "find /etc/tinstack /etc/libvirt /etc/haproxy -type f -exec sha256sum {} + 2>/dev/null | sort; "
    "systemctl show --property=Id,ActiveEnterTimestampMonotonic 'tinstack-*' libvirtd haproxy mariadb rabbitmq-server"
)


@pytest.fixture(scope="module")
def looks(state: Path, host_named: Callable[[str], Host]) -> Callable[[], dict[str, str]]:
    """Configuration and starts of all hosts' units, and the lab's secrets: what a change would touch."""

    def look() -> dict[str, str]:
        found = {name: host_named(name).check_output(LOOK) for name in HOSTS}
        files = sorted(path.name for path in state.iterdir() if path.name not in ("logs", "facts"))
        return found | {"files": " ".join(files), "secrets": (state / "secrets.yml").read_text()}

    return look


@pytest.mark.parametrize("words", VERBS)
def test_a_check_changes_nothing(lab: Lab, looks: Callable[[], dict[str, str]], words: str) -> None:
    before = looks()
    done = lab(*words.split(), "--check")
    assert done.returncode == 0, done.stderr
    assert looks() == before


def test_a_check_of_a_restore_changes_nothing(lab: Lab, looks: Callable[[], dict[str, str]], tmp_path: Path) -> None:
    file = tmp_path / "lab.tar.gz"
    done = lab("backup", "--output", str(file))
    assert done.returncode == 0, done.stderr
    before = looks()
    done = lab("restore", str(file), "--overwrite", "--check")
    assert done.returncode == 0, done.stderr
    assert looks() == before


def test_only_what_reads_a_change_is_restarted(lab: Lab, inventory: str, tmp_path: Path) -> None:
    other = tmp_path / "inventory"
    shutil.copytree(inventory, other)
    with (other / "group_vars" / "all.yml").open("a") as file:
        file.write(
            "volume_backends: [{name: lab1, driver: file}, {name: lab2, driver: file}, {name: lab3, driver: file}]\n"
        )
    try:
        done = lab("reconfigure", "--json", over=str(other))
        assert done.returncode == 0, done.stderr
        restarted = {(one["host"], one["unit"]) for one in json.loads(done.stdout)["units"]}
        assert restarted == {("m-controller", "tinstack-volume.service")}
    finally:
        done = lab("reconfigure", "--json")
    assert done.returncode == 0, done.stderr
