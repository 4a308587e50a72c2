"""`reconfigure`, `upgrade`, `rotate-secrets`: which plays, what is said, and that it ends when all is up."""

import json
from pathlib import Path

import click
import pytest

from tinstack.lab import changing, labs, rollouts, status
from tinstack.lab.labs import Lab
from tinstack.lab.plays import Options, Outcome
from tinstack.lab.words import LabError


@pytest.fixture
def lab(tmp_path, monkeypatch):
    (tmp_path / "secrets.yml").write_text("{}")
    monkeypatch.setattr(rollouts.hosts, "inquire", lambda _lab: {})
    monkeypatch.setattr(rollouts.labs, "with_inventory", lambda lab: lab)
    return Lab(tmp_path)


@pytest.fixture
def ran(monkeypatch):
    done = []
    outcome = Outcome(succeeded=True, changed=2)
    outcome.changes = [("ctl", "Write the configuration"), ("ctl", "Run the service")]
    outcome.units = [("ctl", "tinstack-api.service", "restart")]

    def change(_lab, stages, options):
        done.append((stages[0][0].playbook, stages[0][1], options))
        return outcome

    monkeypatch.setattr(changing, "change", change)
    monkeypatch.setattr(status, "fetch", lambda _lab: status.judged(status.Told(), {}, {}))
    return done


def test_reconfiguring_leaves_packages_runtime_and_content_alone_and_says_what_restarted(lab, ran, capsys):
    rollouts.reconfigure(lab, (), Options(), as_json=False)
    assert ran == [("site", {}, Options(False, (), ("demo", "hosts")))]
    assert capsys.readouterr().out == "restarted  ctl: tinstack-api\n"


def test_parts_are_those_of_the_play(lab, ran):
    rollouts.reconfigure(lab, ("hosts", "api"), Options(), as_json=False)
    assert ran[0][2] == Options(False, ("hosts", "api"), ("demo",))
    with pytest.raises(click.UsageError, match="There is no part nova; there are: hosts, mariadb"):
        rollouts.reconfigure(lab, ("nova",), Options(), as_json=False)
    assert {"mariadb", "identity", "compute", "network_agent"} < set(rollouts.all_parts())
    assert "demo" not in rollouts.all_parts()


def test_a_dry_run_says_what_would_happen(lab, ran, capsys):
    rollouts.upgrade(lab, Options(check=True), backup=True, as_json=False)
    assert ran == [("upgrade", {"upgrade_backup": True}, Options(True, (), ("demo",)))]
    said = capsys.readouterr().out
    assert "would change  ctl: Write the configuration" in said
    assert "would be restarted  ctl: tinstack-api" in said and "Nothing was changed." in said


def test_json_for_programs(lab, ran, capsys):
    rollouts.rotate(lab, Options(), as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["units"] == [{"host": "ctl", "unit": "tinstack-api.service", "action": "restart"}]


def test_what_does_not_come_back_up_is_a_failure(lab, ran, monkeypatch):
    monkeypatch.setattr(rollouts, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(status, "fetch", lambda _lab: status.judged(status.Told(), {}, {"hv1": "hv1 does not answer."}))
    with pytest.raises(LabError, match="hv1 does not answer"):
        rollouts.rotate(lab, Options(), as_json=False)


def test_a_dev_cloud_has_nothing_to_roll(tmp_path, ran):
    with pytest.raises(LabError, match="has no hosts"):
        rollouts.rotate(Lab(tmp_path), Options(), as_json=False)


def test_every_verb_of_day_two_is_a_playbook():
    playbooks = {path.stem for path in Path(labs.ROOT / "playbooks").glob("*.yml")}
    assert {"add-compute", "remove", "upgrade", "rotate-secrets", "backup", "restore", "site", "verify"} <= playbooks
