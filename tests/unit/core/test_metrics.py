"""Counting, and the port that Prometheus scrapes."""

import asyncio
import json
import logging
import socket
from pathlib import Path

import falcon.testing
import pytest

from tinstack.core import log
from tinstack.core.config import LogConfig, MetricsConfig
from tinstack.core.http import Api, Route, build
from tinstack.core.metrics import families, port
from tinstack.core.metrics.tallies import Counter, Gauge, Histogram
from tinstack.core.metrics.text import Page
from tinstack.core.policy import Policy


def text(*made: Counter | Gauge | Histogram) -> list[str]:
    return Page(made).text().decode().splitlines()


def test_a_counter_is_shown_with_its_labels_and_what_it_counts() -> None:
    asked = Counter("t_asked", "Questions.", "who")
    asked.add("me")
    asked.add("me")
    asked.add("you", amount=3)
    assert "# HELP t_asked_total Questions." in text(asked)
    assert 't_asked_total{who="me"} 2.0' in text(asked)
    assert 't_asked_total{who="you"} 3.0' in text(asked)


def test_a_histogram_counts_what_fell_below_each_bound() -> None:
    took = Histogram("t_seconds", "Times.", "what")
    for seconds in (0.001, 0.002, 0.3, 77.0):
        took.observe(seconds, "x")
    lines = text(took)
    assert 't_seconds_bucket{le="0.001",what="x"} 1.0' in lines
    assert 't_seconds_bucket{le="0.0025",what="x"} 2.0' in lines
    assert 't_seconds_bucket{le="0.5",what="x"} 3.0' in lines
    assert 't_seconds_bucket{le="30.0",what="x"} 3.0' in lines
    assert 't_seconds_bucket{le="+Inf",what="x"} 4.0' in lines
    assert 't_seconds_count{what="x"} 4.0' in lines
    assert 't_seconds_sum{what="x"} 77.303' in lines


def test_a_gauge_forgets_what_is_no_more() -> None:
    there = Gauge("t_there", "Things.", "name")
    there.set(1, "a")
    there.clear()
    there.set(2, "b")
    shown = [line for line in text(there) if line.startswith("t_there{")]
    assert shown == ['t_there{name="b"} 2.0']


def test_every_family_has_a_name_of_its_own_and_says_what_it_is() -> None:
    names = [one.name for one in families.FAMILIES]
    assert len(names) == len(set(names))
    assert all(name.startswith("tinstack_") and not name.endswith("_total") for name in names)
    assert all(one.meaning.endswith(".") for one in families.FAMILIES)
    made = {one.name for one in vars(families).values() if isinstance(one, Counter | Gauge | Histogram)}
    assert made == set(names), "one is not in FAMILIES"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def ask(number: int, request: str) -> tuple[str, str]:
    """First line and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", number)
    writer.write(request.encode())
    answer = (await reader.read()).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    return head.splitlines()[0], body


async def test_the_port_asks_its_sources_and_shows_what_they_set() -> None:
    asked = 0

    async def source() -> None:
        nonlocal asked
        asked += 1
        families.PORTS.set(asked, "TESTED")

    async def broken() -> None:
        raise RuntimeError("no")

    made = port.MetricsPort(MetricsConfig(port=free_port()), ["identity"], {"good": source, "bad": broken})
    await made.start()
    try:
        status, body = await ask(made.config.port, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status == "HTTP/1.1 200 OK"
        assert 'tinstack_ports{status="TESTED"} 1.0' in body
        assert 'tinstack_scrape_source_failures_total{source="bad"} 1.0' in body
        assert 'services="identity"' in body and "process_resident_memory_bytes" in body
        await ask(made.config.port, "GET /metrics HTTP/1.1\r\n\r\n")
        assert asked == 1, "who asks twice within a second gets the same again"
        assert (await ask(made.config.port, "GET / HTTP/1.1\r\n\r\n"))[0] == "HTTP/1.1 404 Not Found"
        assert (await ask(made.config.port, "POST /metrics HTTP/1.1\r\n\r\n"))[0] == "HTTP/1.1 405 Method Not Allowed"
    finally:
        await made.stop()
        families.PORTS.clear()


async def test_a_port_that_is_taken_costs_the_metrics_and_not_the_service(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = int(other.getsockname()[1])
        made = port.MetricsPort(MetricsConfig(port=taken), ["identity"], {})
        await made.start()
    assert f"no metrics: can't listen on 127.0.0.1:{taken}" in caplog.text


class NoTokens:
    async def authenticate(self, token: str) -> None:
        raise AssertionError


async def hello(request: object, service: object) -> dict[str, str]:
    return {"hello": "you"}


def test_a_request_is_one_line_of_the_file_with_its_ids_and_its_time(tmp_path: Path) -> None:
    file = tmp_path / "some.log"
    before = logging.getLogger().handlers[:], logging.getLogger().level
    log.setup({"some": LogConfig(file=str(file))})
    try:
        app = build(
            [
                Api(
                    routes=[Route("GET", "/things/{id}", hello, public=True)],
                    service=None,
                    policy=Policy({}),
                    authenticator=NoTokens(),  # type: ignore[arg-type]
                    error=lambda error, request: None,  # type: ignore[arg-type,return-value]
                )
            ],
            "some",
        )
        given = "req-00000000-0000-4000-8000-000000000001"
        client = falcon.testing.TestClient(app)
        answer = client.simulate_get(
            "/things/1", headers={"X-OpenStack-Request-Id": given}, query_string="secret=hidden"
        )
        assert answer.status_code == 200
        logging.getLogger("tinstack").info("and this")
        lines = [json.loads(line) for line in file.read_text().splitlines()]
    finally:
        log.setup({"none": LogConfig()})
        logging.getLogger().handlers[:], logging.getLogger().level = before[0], before[1]
    first, second = lines
    assert (first["service"], first["method"], first["path"], first["status"]) == ("some", "GET", "/things/1", 200)
    assert first["request_id"] == given and first["own_request_id"] == answer.headers["x-openstack-request-id"]
    assert 0 < first["duration_ms"] < 1000
    assert second["message"] == "and this", "order is kept"
    assert "hidden" not in json.dumps(lines)
    counted = families.REQUESTS.values["some", "GET", "/things/{id}", "", "200"]
    assert counted == 1


def test_a_file_that_was_rotated_is_followed(tmp_path: Path) -> None:
    file = tmp_path / "some.log"
    made = log.LogFile(str(file))
    made.setFormatter(log.JsonFormatter("some"))
    record = logging.LogRecord("x", logging.INFO, "", 0, "one", None, None)
    made.emit(record)
    file.rename(tmp_path / "some.log.1")
    file.touch()

    async def gather() -> None:
        line = log.AccessLine(
            service="some",
            request_id="-",
            message="two",
            own_request_id="-",
            method="GET",
            path="/",
            status=200,
            duration_ms=1,
        )
        made.gather(line)

    asyncio.run(gather())
    made.close()
    assert json.loads(file.read_text())["message"] == "two"
    assert json.loads((tmp_path / "some.log.1").read_text())["message"] == "one"
