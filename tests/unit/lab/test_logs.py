"""`logs`: what is wanted of which file, in the order of time, over several hosts and while files grow and are replaced."""

import gzip
import json
import logging
import os
import subprocess
import sys
import time
from datetime import UTC, datetime

import click
import pytest

from tinstack.core import log
from tinstack.lab import fleet, labs, logs
from tinstack.lab.onhost import lines, look
from tinstack.lab.words import LabError

REQUEST = "req-11111111-2222-3333-4444-555555555555"


def text(second, message="", **more):
    said = {"time": f"2026-01-01T10:00:{second:06.3f}+00:00", "level": "INFO", "service": "api", "request_id": "-"}
    return json.dumps({**said, "message": message, **more}) + "\n"


def read(folder, **asked):
    """What the program prints, run as on a host."""
    command = fleet.line(lines, {**asked, "folder": str(folder)})
    done = subprocess.run([sys.executable, *command[1:]], capture_output=True, text=True, check=True)
    return [json.loads(one)["message"] for one in done.stdout.splitlines()]


def test_files_are_merged_by_time_rotated_ones_too(tmp_path):
    (tmp_path / "api.log.2.gz").write_bytes(gzip.compress(text(1, "a").encode()))
    (tmp_path / "api.log.1").write_text(text(3, "c"))
    os.utime(tmp_path / "api.log.2.gz", (1, 1))
    (tmp_path / "api.log").write_text(text(5, "e") + "no JSON at all\n" + '{"time": "then"}\n')
    (tmp_path / "image.log").write_text(text(2, "b") + text(4, "d"))
    assert read(tmp_path) == ["a", "b", "c", "d", "e"]


def test_what_is_wanted(tmp_path):
    (tmp_path / "api.log").write_text(
        text(1, "mine", request_id=REQUEST) + text(2, "other") + text(3, "bad", level="ERROR") + text(4, "server 77")
    )
    (tmp_path / "image.log").write_text(text(5, "image's", service="image", request_id=REQUEST))
    assert read(tmp_path, ids=[REQUEST]) == ["mine", "image's"]
    assert read(tmp_path, ids=[REQUEST], words=["77"]) == ["mine", "server 77", "image's"]
    assert read(tmp_path, level="WARNING") == ["bad"]
    assert read(tmp_path, services=["image"]) == ["image's"]
    since = datetime(2026, 1, 1, 10, 0, 4, tzinfo=UTC).timestamp()
    assert read(tmp_path, since=since) == ["server 77", "image's"]


def test_the_end_of_a_long_file_is_found_by_halves(tmp_path):
    with open(tmp_path / "api.log", "w") as file:
        for number in range(20_000):
            file.write(text(number / 1000 * 2.5, str(number)))
    since = datetime(2026, 1, 1, 10, 0, 49, tzinfo=UTC).timestamp()
    assert read(tmp_path, since=since) == [str(number) for number in range(19_600, 20_000)]


def test_following_sees_new_lines_new_files_and_replaced_ones(tmp_path):
    (tmp_path / "api.log").write_text(text(1, "before"))
    tails = {"api": lines.Tail("api", tmp_path / "api.log", from_start=False)}

    def come():
        return [json.loads(one)["message"] for one in tails["api"].lines()]

    with open(tmp_path / "api.log", "a") as file:
        file.write(text(2, "new") + '{"half": ')
    assert come() == ["new"]
    (tmp_path / "api.log").rename(tmp_path / "api.log.1")
    with open(tmp_path / "api.log.1", "a") as file:
        file.write('1, "message": "whole"}\n')
    (tmp_path / "api.log").write_text(text(3, "replaced"))
    assert come() == ["whole"]
    assert come() == ["replaced"]


def test_what_comes_while_old_lines_are_read_is_shown_once(tmp_path):
    api, image = tmp_path / "api.log", tmp_path / "image.log"
    api.write_text(text(1, "old") + '{"half": ')
    image.write_text(text(1, "image's"))
    tails = {name: lines.Tail(name, tmp_path / f"{name}.log", from_start=False) for name in ("api", "image")}
    with open(api, "a") as file:
        file.write("1, " + text(2, "made whole")[1:] + text(3, "new"))
    image.rename(tmp_path / "image.log.1")
    image.write_text(text(4, "in a new file"))
    (tmp_path / "volume.log").write_text(text(5, "of a new service"))
    wanted = lines.Wanted({})
    past = {
        service: [said["message"] for _, said in lines.past(service, paths, wanted, tails)]
        for service, paths in lines.files(tmp_path, wanted).items()
    }
    assert past == {"api": ["old"], "image": ["image's"], "volume": []}
    assert [json.loads(one)["message"] for one in tails["api"].lines()] == ["made whole", "new"]
    assert not list(tails["image"].lines())
    assert [json.loads(one)["message"] for one in tails["image"].lines()] == ["in a new file"]


def test_a_level_that_is_not_known_counts_as_grave(tmp_path):
    (tmp_path / "api.log").write_text(
        text(1, "no", level="INFO") + text(2, "odd", level="FATAL") + text(3, "x", level=7)
    )
    assert read(tmp_path, level="ERROR") == ["odd", "x"]


def test_lines_of_services_in_any_zone_are_told_in_utc(monkeypatch):
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "said", None, None)
    record.created = 0.25
    for zone in ("Europe/Berlin", "America/St_Johns", "UTC"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        said = json.loads(log.JsonFormatter("api").format(record))["time"]
        assert said == "1970-01-01T00:00:00.250Z" == logs.stamp(lines.epoch(said))
    monkeypatch.undo()
    time.tzset()


async def test_lines_about_requests_have_the_same_time(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    file = log.LogFile(str(tmp_path / "api.log"))
    began = time.time()
    file.gather(
        log.AccessLine(
            service="api",
            request_id="-",
            message="",
            own_request_id="-",
            method="GET",
            path="/",
            status=200,
            duration_ms=1,
        )
    )
    file.close()
    said = json.loads((tmp_path / "api.log").read_text())["time"]
    monkeypatch.undo()
    time.tzset()
    assert said.endswith("Z") and began - 0.01 <= lines.epoch(said) <= time.time()


@pytest.mark.parametrize(
    ("is_dev", "since", "level", "said"),
    [
        (False, 5.0, None, "No log line answers to that: look further back with --since."),
        (False, 0.0, None, "No log line answers to that, and all that is kept was looked at."),
        (False, 5.0, "ERROR", "…: look further back with --since, or leave out --level, --service or --host."),
        (False, 0.0, "ERROR", "No log line answers to that: leave out --level, --service or --host."),
        (True, 0.0, None, "… A `dev` cloud writes no lines about requests, only what its services have to say."),
    ],
)
def test_why_there_may_be_no_line(tmp_path, is_dev, since, level, said):
    if is_dev:
        (tmp_path / labs.DEV_SECRETS).touch()
    told = logs.nothing(labs.Lab(tmp_path), logs.Filter(since, level))
    assert told.endswith(said[1:]) if said.startswith("…") else told == said


def test_lines_that_come_together_are_put_in_order():
    sources = {"a": iter([{"at": 2}, {"at": 3}]), "b": iter([{"at": 1}])}
    assert [said["at"] for said in logs.as_they_come(sources)] == [1, 2, 3]


def test_durations():
    assert [logs.seconds(one) for one in ("90", "90s", "10m", "2h", "3d")] == [90, 90, 600, 7200, 259200]
    with pytest.raises(click.UsageError, match="'soon' is no duration"):
        logs.seconds("soon")


def test_a_line_for_people_and_one_for_programs():
    said = {"host": "ctl", "at": 0.5, "level": "ERROR", "service": "api", "request_id": REQUEST, "message": "No."}
    assert logs.readable(said) == f"1970-01-01T00:00:00.500Z ctl api ERROR {REQUEST} No."
    assert logs.public(said)["time"] == "1970-01-01T00:00:00.500Z"
    assert logs.readable({**said, "request_id": "-"}) == "1970-01-01T00:00:00.500Z ctl api ERROR No."


@pytest.fixture
def lab(cloud, tmp_path):
    cloud.write_clouds(tmp_path / "clouds.yaml")
    return labs.Lab(tmp_path)


def test_a_servers_name_leads_to_its_requests(cloud, lab):
    server = "8cd0a37c-66af-4e22-b1d9-829146c1cafc"
    cloud.has("/compute/servers", {"servers": [{"id": server, "name": "web"}]})
    cloud.has(f"/compute/servers/{server}/os-instance-actions", {"instanceActions": [{"request_id": REQUEST}]})
    assert logs.about(lab, "web") == ([REQUEST], [server])
    assert logs.about(lab, REQUEST) == ([REQUEST], [])
    with pytest.raises(logs.LabError, match="There is no server 'db'"):
        logs.about(lab, "db")


def test_an_id_is_looked_for_also_where_the_api_is_silent(lab, cloud, capsys):
    server = "8cd0a37c-66af-4e22-b1d9-829146c1cafc"
    cloud.has(f"/compute/servers/{server}/os-instance-actions", {"error": {"message": "No database."}}, status=503)
    assert logs.about(lab, server) == ([], [server])
    assert "No database." in capsys.readouterr().err


def test_a_dev_clouds_log_is_read_here(lab, capsys):
    (lab.state / labs.DEV_SECRETS).write_text("{}")
    lab.logs.mkdir()
    (lab.logs / "dev.log").write_text(text(1, "hello"))
    logs.show(lab, logs.Filter(0.0), follow=False, as_json=True)
    assert json.loads(capsys.readouterr().out)["message"] == "hello"
    with pytest.raises(LabError, match="has no host hv1: all its lines are of 'local'"):
        logs.show(lab, logs.Filter(0.0, hosts=("hv1",)), follow=False, as_json=True)


def test_the_last_complaint_of_a_journal_is_found():
    said = "\n".join(
        [
            "Starting tinstack api...",
            json.dumps({"level": "ERROR", "message": "The database refuses us."}),
            json.dumps({"level": "INFO", "message": "bye"}),
            "tinstack-api.service: Main process exited, code=exited, status=1/FAILURE",
        ]
    )
    assert look.complaint(said) == "The database refuses us."
    assert look.complaint("Traceback\nValueError: wrong\nStopped x.") == "ValueError: wrong"
    old = '{"level":"ERROR","message":"long ago"}'
    new = "/etc/tinstack/x.toml: Object contains unknown field `y`."
    systemd = "tinstack-x.service: Main process exited, code=exited, status=1/FAILURE"
    journal = f"Started x.\n{old}\nStarting x...\n{new}\n{systemd}\nFailed to start x.\n"
    assert look.complaint(journal) == new, "of the last run, not the loudest"
    assert look.complaint(journal + "Starting x...\n") == new, "one that has said nothing yet says nothing"
