"""What a running cloud tells Prometheus: one registry for all services of the process."""

import re
import threading
import time
import urllib.request
import uuid
from typing import Any

HOSTS = ("compute1", "compute2")


def scrape(cloud: Any) -> dict[str, float]:
    """Each sample with its labels, as the text has it."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(cloud.metrics_url, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        lines = answer.read().decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def until(cloud: Any, done: Any, seconds: float = 90.0) -> dict[str, float]:
    end = time.monotonic() + seconds
    while not done(found := scrape(cloud)):
        assert time.monotonic() < end, sorted(found)
        threading.Event().wait(0.3)
    return found


def total(found: dict[str, float], name: str, *labels: str) -> float:
    return sum(
        value for key, value in found.items() if key.startswith(name + "{") and all(one in key for one in labels)
    )


def test_requests_are_counted_by_route_and_status(cloud: Any) -> None:
    name = (
        'tinstack_http_requests_total{action="",method="GET",route="/servers/{server_id}",service="api",status="404"}'
    )
    name_seconds = "tinstack_http_request_seconds_count"
    before = scrape(cloud)
    for _ in range(3):
        assert cloud.demo.get("compute", f"/servers/{uuid.uuid4()}").status == 404
    found = until(cloud, lambda now: now.get(name, 0) >= before.get(name, 0) + 3)
    assert total(found, name_seconds, 'route="/servers/{server_id}"') >= 3
    assert not any(re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", key) for key in found), "an id is no label"


def test_a_boot_leaves_its_steps_messages_and_capacity(cloud: Any) -> None:
    before = scrape(cloud)
    body = {
        "name": f"observability-{uuid.uuid4().hex[:8]}",
        "imageRef": cloud.image_id(),
        "flavorRef": "1",
        "networks": [{"uuid": cloud.network_id()}],
    }
    made = cloud.demo.post("compute", "/servers", {"server": body}, version="2.96").json["server"]["id"]
    path = f"/servers/{made}"
    try:
        cloud.demo.wait("compute", path, lambda answer: answer.json["server"]["status"] == "ACTIVE")
        sold = total(before, "tinstack_capacity", 'figure="sold"', 'resource="VCPU"')
        found = until(
            cloud, lambda now: total(now, "tinstack_capacity", 'figure="sold"', 'resource="VCPU"') == sold + 1
        )
        for step in range(1, 30):
            assert total(found, "tinstack_flow_steps_total", f'step="{step}"') > 0, step
        assert total(found, "tinstack_bus_messages_total", 'message="AskServer"', 'outcome="ok"') > 0
        assert total(found, "tinstack_bus_message_seconds_count", 'message="AskServer"') > 0
        for host in HOSTS:
            assert found[f'tinstack_capacity{{figure="total",host="{host}",resource="MEMORY_MB"}}'] > 0
    finally:
        cloud.demo.delete("compute", path)


def test_agents_queues_and_operations_are_told(cloud: Any) -> None:
    found = scrape(cloud)
    for host in HOSTS:
        assert 0 <= found[f'tinstack_agent_age_seconds{{agent="nova-compute",host="{host}"}}'] < 60
        assert 0 <= found[f'tinstack_agent_age_seconds{{agent="network-agent",host="{host}"}}'] < 60
        assert found[f'tinstack_bus_queue_consumers{{queue="compute.{host}"}}'] == 1
    for queue in ("conductor", "scheduler", "network", "identity", "trace"):
        assert found[f'tinstack_bus_queue_consumers{{queue="{queue}"}}'] == 1, queue
    assert total(found, "tinstack_operations", 'state="overdue"') == 0
    assert "tinstack_operation_oldest_seconds" in found
    assert found['tinstack_periodic_last_success_timestamp_seconds{work="overdue operations"}'] > time.time() - 60
    assert not [key for key in found if key.startswith("tinstack_scrape_source_failures_total")]


def test_the_database_is_told_where_it_is_a_server(cloud: Any) -> None:
    found = scrape(cloud)
    shown = {key for key in found if key.startswith("tinstack_database_connections{")}
    if cloud.cloud.places.database is None:
        assert not shown, "a file has no pool"
        return
    assert found['tinstack_database_connections{database="tinstack_compute",state="limit"}'] >= 1
    assert total(found, "tinstack_database_statement_seconds_count", "tinstack_compute") > 0
    assert total(found, "tinstack_database_transactions_total", 'outcome="committed"') > 0
