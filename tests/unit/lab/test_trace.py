"""`trace`: the table of the 29 steps, truthfully."""

from datetime import UTC, datetime, timedelta

import pytest

from tinstack.lab import trace
from tinstack.lab.client import Client
from tinstack.lab.trace import Event
from tinstack.lab.words import LabError

SERVER = "0f6a2b7e-0f3c-4a37-9a4e-7d7c6a6f9d11"
BEGAN = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)


def event(step, *, after=0, took=1.0, outcome="ok", host=None, message=None):
    return Event(
        step, f"name of {step}", "compute", BEGAN + timedelta(milliseconds=after), took, outcome, host, message
    )


def row(step, start="2024-05-01T12:00:00.000000+00:00", **more):
    return {
        "step": step,
        "name": "n",
        "service": "api",
        "host": None,
        "start": start,
        "duration_ms": 2,
        "outcome": "ok",
        "message": None,
        **more,
    }


def test_a_server_is_found_by_its_name(cloud):
    cloud.has("/compute/servers", {"servers": [{"id": SERVER, "name": "hello"}, {"id": "x", "name": "hello2"}]})
    cloud.has(f"/compute/servers/{SERVER}/tinstack-trace", {"trace": [row(2, "2024-05-01T12:00:01Z"), row(1)]})
    found = trace.fetch([Client(cloud.login())], "hello")
    assert [event.step for event in found.events] == [1, 2]
    assert [entry["step"] for entry in found.raw] == [2, 1]


def test_a_deleted_servers_trace_is_still_found_by_its_id(cloud):
    cloud.has(f"/compute/servers/{SERVER}/tinstack-trace", {"trace": []})
    assert trace.fetch([Client(cloud.login())], SERVER).events == []


def test_the_admin_finds_the_servers_of_other_projects(cloud):
    def servers(query):
        return 200, {"servers": [{"id": SERVER, "name": "theirs"}] if "all_tenants" in query else []}

    cloud.paths["/compute/servers"] = servers
    cloud.has(f"/compute/servers/{SERVER}/tinstack-trace", {"trace": [row(1)]})
    assert len(trace.fetch([Client(cloud.login()), Client(cloud.login())], "theirs").events) == 1


def test_an_unknown_server_is_said_to_be_none(cloud):
    cloud.has("/compute/servers", {"servers": []})
    with pytest.raises(LabError, match="There is no server 'nope'"):
        trace.fetch([Client(cloud.login())], "nope")


def test_two_servers_of_one_name_must_be_told_apart_by_id(cloud):
    cloud.has("/compute/servers", {"servers": [{"id": "a", "name": "twin"}, {"id": "b", "name": "twin"}]})
    with pytest.raises(LabError, match="2 servers are called 'twin'; name one by its id: a, b"):
        trace.fetch([Client(cloud.login())], "twin")


def test_a_service_that_breaks_is_no_missing_server(cloud):
    cloud.has(f"/compute/servers/{SERVER}/tinstack-trace", {"computeFault": {"message": "Broken."}}, status=500)
    with pytest.raises(LabError, match="Broken"):
        trace.fetch([Client(cloud.login())], SERVER)


def test_the_slowest_step_is_marked_and_times_count_from_the_first(capsys):
    trace.show(trace.Trace([event(1, took=3.25), event(28, after=1500, took=2100, host="compute1")], []))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["step", "name", "service", "host", "start", "duration", "outcome"]
    assert lines[1].split() == ["1", "name", "of", "1", "compute", "-", "+0.0", "ms", "3.2", "ms", "ok"]
    assert (
        lines[2].split()[-8:] == ["compute1", "+1.50", "s", "2.10", "s", "ok", "slowest"][-8:] or "slowest" in lines[2]
    )


def test_a_failed_step_says_where_and_why_at_the_end():
    failed = event(19, outcome="failed", host="compute1", message="The image's checksum is wrong.")
    assert (
        trace.closing([event(1), failed])[-1]
        == "Step 19 (name of 19) failed on compute1: The image's checksum is wrong."
    )


def test_steps_that_did_not_happen_are_named_not_invented():
    assert "Not recorded: steps 3-29." in trace.closing([event(1), event(2)])
    assert not [
        line for line in trace.closing([event(step) for step in range(1, 30)]) if line.startswith("Not recorded")
    ]


@pytest.mark.parametrize(
    "steps, words", [([3], "step 3"), ([19, 20, 21, 29], "steps 19-21, 29"), ([1, 2], "steps 1-2")]
)
def test_ranges_of_steps_in_words(steps, words):
    assert trace.ranges(steps) == words
