"""What a play's events come to: changes, failures with their reasons, lines on the terminal."""

import pytest

from tinstack.lab import hosts, plays, up
from tinstack.lab.plays import Failure, Outcome, Record, reason
from tinstack.lab.progress import PlayProgress


def event(kind, **data):
    return {"event": kind, "event_data": data}


def stats(**data):
    return event("playbook_on_stats", **data)


def test_changes_are_counted_over_all_hosts():
    record = Record()
    record(stats(changed={"controller": 3, "compute1": 1}, failures={}, dark={}))
    assert (record.outcome.changed, record.outcome.failures) == (4, [])


def test_the_last_failure_of_a_host_that_fell_is_the_reason():
    record = Record()
    record(event("runner_on_failed", host="controller", task="Start identity", res={"msg": "Unit failed"}))
    record(
        event("runner_on_failed", host="controller", task="Say why", res={"msg": "identity.service:\nNo such database"})
    )
    record(stats(failures={"controller": 1}))
    assert record.outcome.failures == [Failure("controller", "Say why", "identity.service:\nNo such database")]


def test_failures_that_the_play_dealt_with_are_none():
    record = Record()
    record(event("runner_on_failed", host="compute1", task="Try", res={"msg": "no"}))
    record(event("runner_on_failed", host="compute2", task="Ask", res={"msg": "no"}, ignore_errors=True))
    record(stats(failures={}, rescued={"compute1": 1}))
    assert record.outcome.failures == []


def test_an_unreachable_host_is_said_to_be_one():
    record = Record()
    record(event("runner_on_unreachable", host="compute2", task="Gather facts", res={"msg": "Connection timed out"}))
    record(stats(dark={"compute2": 1}))
    assert record.outcome.failures[0].reason == "The host cannot be reached: Connection timed out"


@pytest.mark.parametrize(
    "result, said",
    [
        ({"msg": "non-zero return code", "stderr": "No space left"}, "non-zero return code\nNo space left"),
        ({"msg": "No space left", "stderr": "No space left"}, "No space left"),
        ({"msg": ["a", "b"]}, "a\nb"),
        (
            {"results": [{"failed": False}, {"failed": True, "item": "mariadb", "msg": "no such package"}]},
            "mariadb: no such package",
        ),
        ({}, "it gave no reason."),
    ],
)
def test_the_reason_of_a_failed_task(result, said):
    assert reason(result) == said


def test_a_failed_stage_says_host_task_reason_and_where_the_log_is():
    outcome = Outcome(failures=[Failure("controller", "Start identity", "It did not start.\nline of its journal")])
    said = (
        'Task "Start identity" failed on controller:\n  It did not start.\n  line of its journal\n'
        "The whole log is in /lab/site.log."
    )
    assert up.explained(outcome, "/lab/site.log", continues=False) == said
    assert up.explained(outcome, "/lab/site.log", continues=True) == f"{said} The same command continues from here."


def test_a_playbook_that_never_began_shows_the_end_of_what_ansible_said(tmp_path):
    log = tmp_path / "site.log"
    log.write_text("ERROR! the role 'nope' was not found\n")
    assert "the role 'nope' was not found" in up.explained(Outcome(), str(log), continues=False)


def test_progress_without_a_terminal_is_a_line_per_play_and_per_slow_task(capsys):
    now = [0.0]
    with PlayProgress("The cloud", clock=lambda: now[0]) as progress:
        progress(event("playbook_on_play_start", name="Have a database"))
        progress(event("playbook_on_task_start", task="Install"))
        now[0] = 8.0
        progress(event("runner_on_ok", host="controller", res={"changed": True}))
        progress(event("playbook_on_task_start", task="Start"))
        now[0] = 12.0
        progress(stats())
    said = capsys.readouterr().out.splitlines()
    assert said == ["The cloud", "    Install: 8.0 s", "  Have a database: 12.0 s, 1 changed"]


def test_ssh_logs_in_as_ansible_does():
    host = {
        "address": "10.77.0.11",
        "user": "root",
        "port": 22,
        "key": "/keys/with space",
        "arguments": "-o UserKnownHostsFile=/k -C -o StrictHostKeyChecking=yes -oBatchMode=yes",
        "groups": ["api"],
    }
    assert hosts.stanza("controller", host).splitlines() == [
        "Host controller",
        "  HostName 10.77.0.11",
        "  Port 22",
        "  User root",
        '  IdentityFile "/keys/with space"',
        "  IdentitiesOnly yes",
        "  UserKnownHostsFile /k",
        "  StrictHostKeyChecking yes",
        "  BatchMode yes",
    ]


def test_programs_get_the_repositorys_configuration(tmp_path):
    env = plays.environment(tmp_path)
    assert env["ANSIBLE_CONFIG"] == str(tmp_path / "ansible.cfg")
    assert env["PYTHONPATH"] == str(tmp_path / "pyruntime")


def test_what_was_restarted_is_kept_and_what_modules_tell():
    record = Record()
    restarted = {"changed": True, "actions": ["daemon-reload", "restart"], "unit": "tinstack-api.service"}
    record(event("runner_on_ok", host="ctl", task="Run", res=restarted, task_action="systemd_unit"))
    record(event("runner_on_ok", host="ctl", task="Look", res={"changed": False, "actions": []}))
    instead = {
        "changed": True,
        "actions": ["start"],
        "unit": "tinstack-controller.service",
        "replaced": ["tinstack-api.service"],
    }
    record(event("runner_on_ok", host="one", task="Run", res=instead, task_action="systemd_unit"))
    packed = {"changed": True, "manifest": {"images": 2}}
    record(event("runner_on_ok", host="localhost", task="Pack", res=packed, task_action="backup_archive"))
    assert record.outcome.units == [
        ("ctl", "tinstack-api.service", "restart"),
        ("one", "tinstack-api.service", "remove"),
        ("one", "tinstack-controller.service", "start"),
    ]
    assert record.outcome.changes == [("ctl", "Run"), ("one", "Run"), ("localhost", "Pack")]
    assert record.outcome.results["backup_archive"]["manifest"] == {"images": 2}


def test_options_of_a_dry_run():
    assert plays.Options(check=True, tags=("api", "image")).words == {"cmdline": "--check", "tags": "api,image"}
    assert plays.WHOLE.words == {}
