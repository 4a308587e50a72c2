"""What a deployed lab tells of itself: figures at every service's port, and a line for each request in its log."""

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
import testinfra
from testinfra.host import Host

from tinstack.core.metrics.families import METRICS_PORTS

testinfra_hosts = ["local://"]

ON_HOSTS = ("compute", "network-agent")
ON_CONTROLLER = (
    "identity",
    "api",
    "volume",
    "placement",
    "image",
    "network",
    "conductor",
    "scheduler",
    "network-agent",
)

Scrape = Callable[[Host, str], dict[str, float]]


@pytest.fixture(scope="module")
def controller(inventory: str) -> Host:
    return testinfra.get_hosts(["ansible://api"], ansible_inventory=inventory)[0]


@pytest.fixture(scope="module")
def scrape() -> Scrape:
    """Each sample of a service's page."""

    def read(host: Host, service: str) -> dict[str, float]:
        address = host.ansible.get_variables()["ansible_host"]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{address}:{METRICS_PORTS[service]}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    return read


def test_every_service_tells_its_figures(controller: Host, its_host: Host, scrape: Scrape) -> None:
    for host, services in ((controller, ON_CONTROLLER), (its_host, ON_HOSTS)):
        for service in services:
            found = scrape(host, service)
            assert any(key.startswith("tinstack_build_info") and f'services="{service}"' in key for key in found)
            (ends,) = [value for key, value in found.items() if key.startswith("tinstack_certificate_expiry")]
            assert ends > time.time() + 86400


def test_the_conductor_knows_agents_and_queues(controller: Host, hello: Any, scrape: Scrape) -> None:
    name, found = hello.hypervisor_hostname, scrape(controller, "conductor")
    assert found[f'tinstack_agent_age_seconds{{agent="nova-compute",host="{name}"}}'] < 75
    assert found[f'tinstack_bus_queue_consumers{{queue="compute.{name}"}}'] == 1
    assert found['tinstack_bus_queue_consumers{queue="scheduler"}'] == 1
    assert not [key for key in found if key.startswith("tinstack_scrape_source_failures")]


def test_placement_tells_what_is_sold(controller: Host, hello: Any, scrape: Scrape) -> None:
    sold = f'tinstack_capacity{{figure="sold",host="{hello.hypervisor_hostname}",resource="VCPU"}}'
    assert scrape(controller, "placement")[sold] >= 1


def test_a_request_is_one_line_of_the_log_and_logs_are_turned_over(
    controller: Host, cloud: Callable[[str], Any], scrape: Scrape
) -> None:
    assert controller.service("logrotate.timer").is_running
    controller.check_output("logrotate --force /etc/logrotate.d/tinstack")
    answer = cloud("tinstack-admin").compute.get("/flavors")
    own = answer.headers["x-openstack-request-id"]
    lines: list[Any] = []
    end = time.monotonic() + 10
    while not lines:
        assert time.monotonic() < end
        said = controller.check_output("cat /var/log/tinstack/api.log")
        lines = [line for line in map(json.loads, said.splitlines()) if line.get("own_request_id") == own]
    (line,) = lines
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v2.1/flavors", 200)
    assert 0 < line["duration_ms"] < 60_000 and line["user_id"] and line["project_id"]
