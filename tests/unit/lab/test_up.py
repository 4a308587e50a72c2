"""`up` and `destroy` around their plays: order of stages, ready.json, closing words, refusals."""

import json

import pytest

from tinstack.lab import labs, plays, prechecks, ready, up
from tinstack.lab.plays import Failure, Outcome
from tinstack.lab.words import LabError

HOSTS = {
    "controller": {"address": "10.77.0.11", "user": "root", "port": 22, "key": "", "arguments": "", "groups": ["api"]},
    "compute1": {
        "address": "10.77.0.12",
        "user": "root",
        "port": 22,
        "key": "",
        "arguments": "",
        "groups": ["compute"],
    },
}


class Plays:
    """Stands for ansible-runner: notes what is run, and does what the plays would have left."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.ran = []
        self.outcome = Outcome(succeeded=True, changed=2)

    def run(self, lab, playbook, log, listener, variables, options):
        assert ready.read(lab.ready) is None
        self.ran.append((playbook, variables))
        log.write_text("")
        if playbook == "site":
            self.cloud.write_clouds(lab.clouds)
        return self.outcome


@pytest.fixture
def runner(tmp_path, monkeypatch, cloud):
    monkeypatch.setattr(labs, "ROOT", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "inventories" / "sandbox").mkdir(parents=True)
    (tmp_path / "inventories" / "rack").mkdir()
    made = Plays(cloud)
    monkeypatch.setattr(plays, "run", made.run)
    monkeypatch.setattr(plays, "ask", lambda lab, expression: HOSTS)
    monkeypatch.setattr(prechecks, "against_sandbox", lambda machine: [])
    monkeypatch.setattr(prechecks, "is_root", lambda: True)
    hello = {
        "id": "1",
        "name": "hello",
        "status": "ACTIVE",
        "addresses": {"demo": [{"addr": "192.168.50.4"}, {"addr": "10.78.0.101", "OS-EXT-IPS:type": "floating"}]},
    }
    cloud.has("/compute/servers/detail", {"servers": [hello]})
    return made


def test_hosts_first_then_the_cloud_and_ready_last(runner, capsys):
    lab = labs.to_make("sandbox", None)
    up.up(lab)
    assert runner.ran == [(playbook, {"tinstack_state_dir": str(lab.state)}) for playbook in ("sandbox", "site")]
    said = json.loads(lab.ready.read_bytes())
    assert said["auth_url"] == f"{runner.cloud.url}/identity/v3"
    assert said["hosts"] == ["compute1"]
    assert said["services"]["compute"] == f"{runner.cloud.url}/compute"
    assert labs.to_look_at(None, None).state == lab.state
    assert "Host controller" in lab.ssh_config.read_text()
    assert lab.state.stat().st_mode & 0o777 == 0o700
    shown = capsys.readouterr().out
    assert "changed=4" in shown
    assert "The server hello is ACTIVE at 192.168.50.4, 10.78.0.101." in shown
    assert "./lab ssh controller" in shown
    assert "./lab ssh hello" in shown
    assert "Host hello\n  HostName 10.78.0.101" in lab.ssh_config.read_text()


def test_onto_given_hosts_only_the_cloud_is_deployed(runner, capsys):
    up.up(labs.to_make("rack", None))
    assert [playbook for playbook, _ in runner.ran] == ["site"]
    assert "./lab destroy" not in capsys.readouterr().out


def test_a_check_looks_at_given_hosts_and_leaves_the_lab_as_it_is(runner, capsys):
    lab = labs.to_make("rack", None)
    up.check(lab)
    assert [playbook for playbook, _ in runner.ran] == ["prechecks"]
    assert "The lab 'rack' can be deployed" in capsys.readouterr().out
    assert not (labs.states() / "current").exists()


def test_a_check_of_the_sandbox_looks_at_this_machine_alone(runner, monkeypatch):
    up.check(labs.to_make("sandbox", None))
    assert runner.ran == []
    monkeypatch.setattr(prechecks, "against_sandbox", lambda machine: ["Not here."])
    with pytest.raises(LabError, match="Not here"):
        up.check(labs.to_make("sandbox", None))


def test_a_failure_leaves_no_lab_that_says_it_is_ready(runner):
    lab = labs.to_make("sandbox", None)
    up.up(lab)
    runner.outcome = Outcome(failures=[Failure("controller", "Start image", "It did not start.")])
    with pytest.raises(LabError, match='Task "Start image" failed on controller'):
        up.up(lab)
    assert ready.read(lab.ready) is None


def test_an_interrupted_run_says_how_to_go_on(runner):
    runner.outcome = Outcome(interrupted=True)
    with pytest.raises(LabError, match="The same command continues from here"):
        up.up(labs.to_make("sandbox", None))


CONTINUES = "The same command continues from here"
FAILED = [Failure("controller", "Look", "No.")]


@pytest.mark.parametrize(
    ("stage", "options", "changed", "continues"),
    [
        (up.DEPLOY, plays.WHOLE, 3, True),
        (up.DEPLOY, plays.WHOLE, 0, False),
        (up.DEPLOY, plays.Options(check=True), 3, False),
        (up.PRECHECKS, plays.WHOLE, 0, False),
    ],
)
def test_only_what_has_begun_continues(runner, stage, options, changed, continues):
    lab = labs.to_make("rack", None)
    lab.logs.mkdir(parents=True)
    runner.outcome = Outcome(failures=FAILED, changed=changed)
    with pytest.raises(LabError) as failed:
        up.play(lab, stage, options, {})
    assert (CONTINUES in failed.value.message) is continues
    runner.outcome = Outcome(interrupted=True)
    with pytest.raises(LabError) as ended:
        up.play(lab, stage, options, {})
    looked = stage is up.PRECHECKS or options.check
    assert ended.value.message == f"Interrupted. {'Nothing was changed' if looked else CONTINUES}."


def test_destroy_takes_the_state_away_too(runner, tmp_path):
    lab = labs.to_make("sandbox", None)
    up.up(lab)
    up.destroy(lab, cache=False)
    assert runner.ran[-1][0] == "destroy"
    assert not lab.state.exists()
    with pytest.raises(LabError, match="There is no lab yet"):
        labs.to_look_at(None, None)


def test_destroy_removes_the_caches_where_that_is_wanted(runner, tmp_path):
    (tmp_path / "cache" / "tinstack").mkdir(parents=True)
    up.destroy(labs.to_make("sandbox", None), cache=True)
    assert runner.ran[-1][1]["sandbox_host_remove_cache"] is True
    assert not (tmp_path / "cache" / "tinstack").exists()


def test_hosts_that_were_given_are_never_destroyed(runner):
    with pytest.raises(LabError, match="The hosts of 'rack' were not made by"):
        up.destroy(labs.to_make("rack", None), cache=False)
    assert runner.ran == []
