"""Day two on real hosts: nothing to reconfigure, secrets rotated under load, a host that leaves and comes back."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from testinfra.host import Host

from guests import Lab

testinfra_hosts = ["local://"]


@pytest.fixture(scope="module")
def empty(cloud: Callable[[str], Any], hello: Any) -> str:
    """The compute host that has no server."""
    names = sorted(one.name for one in cloud("tinstack-admin").compute.hypervisors())
    [found] = [name for name in names if name != hello.hypervisor_hostname]
    return found


def secrets(state: Path) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yaml.safe_load((state / "secrets.yml").read_text())
    return found


def test_where_nothing_has_changed_nothing_is_restarted(lab: Lab) -> None:
    done = lab("reconfigure", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["units"] == []


def test_secrets_are_rotated_and_no_request_fails_but_for_restarts(
    lab: Lab, state: Path, cloud: Callable[[str], Any], host_named: Callable[[str], Host]
) -> None:
    before, over = secrets(state), threading.Event()
    refused: list[str] = []

    def ask() -> None:
        """What is refused for a wrong secret is a 401 or 500; while a service restarts the gateway answers 503."""
        while not over.wait(0.5):
            for service in ("compute", "image", "network", "block_storage"):
                path = {"compute": "/servers", "image": "/v2/images", "network": "/v2.0/networks"}.get(
                    service, "/volumes"
                )
                answer = getattr(cloud("tinstack"), service).get(path, raise_exc=False)
                if answer.status_code in (401, 403, 500):
                    refused.append(f"{service}: {answer.status_code} {answer.text[:200]}")

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        done = lab("rotate-secrets")
    finally:
        over.set()
        asking.join()
    assert done.returncode == 0, done.stderr
    after = secrets(state)
    for group in ("bus", "database", "service"):
        assert all(after[group][name] != old for name, old in before[group].items())
    assert "previous_database" not in after and after["people"] == before["people"]
    accounts = host_named("m-controller").check_output("mariadb -e 'show create user tinstack_image'")
    assert " OR " not in accounts, "the old password is refused"
    assert refused == []


def test_a_host_leaves_and_comes_back(lab: Lab, state: Path, host_named: Callable[[str], Host], empty: str) -> None:
    controller = host_named("m-controller")
    users = "rabbitmqctl --quiet --no-table-headers list_users | cut -f1"
    done = lab("remove", empty)
    assert done.returncode == 0, done.stderr
    assert f"compute.{empty}" not in controller.check_output(users).split()
    assert f"compute.{empty}" not in secrets(state)["bus"]
    assert not host_named(empty).service("tinstack-compute").is_running
    done = lab("add-compute", empty)
    assert done.returncode == 0, done.stderr
    assert f"compute.{empty}" in controller.check_output(users).split()
    assert host_named(empty).service("tinstack-compute").is_running


def test_a_drained_host_takes_no_server_until_that_is_undone(lab: Lab, cloud: Callable[[str], Any], empty: str) -> None:
    def status() -> str:
        services = cloud("tinstack-admin").compute.services(binary="nova-compute", host=empty)
        return str(next(iter(services)).status)

    assert lab("drain", empty).returncode == 0
    assert status() == "disabled"
    assert lab("drain", empty, "--undo").returncode == 0
    assert status() == "enabled"
