"""The rig: crash points, the supervisor, the guard, and the files that services are started with."""

import asyncio
import os
import signal
import subprocess
import sys
import tomllib
from dataclasses import replace

import pytest

from tinstack.computedb.kinds import KINDS
from tinstack.core import crash
from tinstack.dev import guard, split, supervisor, toml
from tinstack.dev.supervisor import Program, ServiceDied, Supervisor

NOTIFY = (
    "import os, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM);"
    "s.sendto(b'READY=1', '\\0' + os.environ['NOTIFY_SOCKET'][1:]);"
)
SLEEP = "import signal; signal.pause()"


class Noted(set):
    """A guard that only notes."""

    drop = set.discard


def python(tmp_path, name, code):
    return Program(name, [sys.executable, "-c", code], tmp_path / f"{name}.log")


def dies_at(folder, point):
    code = f"from tinstack.core import crash\nwith crash.around(11): pass\nprint({point!r})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment[crash.VARIABLE] = crash.setting(folder, [point])
    return subprocess.run([sys.executable, "-c", code], env=environment).returncode


@pytest.mark.parametrize("point", ["before-11", "after-11"])
def test_a_process_dies_at_an_armed_point_once(tmp_path, point):
    assert dies_at(tmp_path, point) == -signal.SIGKILL
    assert dies_at(tmp_path, point) == 0


def test_a_point_that_is_not_armed_does_nothing(tmp_path):
    assert dies_at(tmp_path, "before-12") == 0
    crash.point("before-11")


def test_a_step_that_failed_has_no_after(monkeypatch):
    reached = []
    monkeypatch.setattr(crash, "point", reached.append)
    with pytest.raises(ValueError, match="no"), crash.around(11):
        raise ValueError("no")
    assert reached == ["before-11"]


@pytest.mark.parametrize("unknown", ["conductor", "conductor:after-1", "nobody:before-11", "conductor:11"])
def test_an_unknown_crash_point_is_refused_with_what_there_is(unknown):
    with pytest.raises(split.UnknownPoint, match=r"scheduler: before-9, after-9, before-10"):
        split.crashes(["conductor:after-11", unknown])


def test_crash_points_are_given_to_their_service():
    wanted = ["conductor:after-11", "compute:before-28", "conductor:before-29"]
    assert split.crashes(wanted) == {"conductor": ["after-11", "before-29"], "compute": ["before-28"]}


@pytest.mark.parametrize("hosts", [0, 1, 2, 250, 251, 1000, 10_000])
def test_few_processes_have_every_simulated_host_once(hosts):
    shares = split.shares(hosts)
    assert len(shares) <= split.MOST_PROCESSES
    assert [host for first, count in shares for host in range(first, first + count)] == list(range(hosts))


def test_every_operation_with_a_crash_point_is_one_on_servers():
    assert set(crash.KINDS) < set(KINDS)


def test_configuration_files_are_read_as_they_were_written():
    document = {"a": 'x"\n\\ü', "b": [1, 2.5, True], "c": {"d": {"e.f": "g"}, "h": []}, "i": [{"j": "k"}]}
    assert tomllib.loads(toml.dumps({**document, "none": None})) == document


async def test_a_process_that_dies_is_started_again(tmp_path):
    noted, again = Noted(), asyncio.Event()
    kept = Supervisor([python(tmp_path, "one", NOTIFY + SLEEP)], lambda: None, noted, restart_seconds=0.0)
    await kept.start()
    (first,) = kept.pids
    kept.children[0]._changed = again.set
    os.kill(first, signal.SIGKILL)
    await asyncio.wait_for(again.wait(), 10)
    (second,) = kept.pids
    assert first != second and noted == {second}
    await kept.stop()
    assert noted == set()
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)


async def test_a_process_that_does_not_come_up_ends_the_start_with_its_log(tmp_path):
    broken = python(tmp_path, "one", "raise SystemExit('no such database')")
    kept = Supervisor([broken], lambda: None, Noted(), restart_seconds=0.0)
    with pytest.raises(ServiceDied, match="one does not start: no such database"):
        await kept.start()
    await kept.stop()


async def test_a_process_that_is_held_stays_dead_until_it_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "HELD_SECONDS", 0.01)
    held, again = tmp_path / "held", asyncio.Event()
    program = replace(python(tmp_path, "one", NOTIFY + SLEEP), held=held)
    kept = Supervisor([program], lambda: None, Noted(), restart_seconds=0.0)
    await kept.start()
    kept.children[0]._changed = again.set
    held.touch()
    os.kill(kept.pids[0], signal.SIGKILL)
    await kept.children[0]._process.wait()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(again.wait(), 0.2)
    held.unlink()
    await asyncio.wait_for(again.wait(), 10)
    await kept.stop()


def test_the_guard_knows_who_is_left():
    assert guard.noted(b"+12\n+7\n-12\n+9\n") == {7, 9}


def test_the_guard_ends_whole_groups():
    child = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    child.stdout.readline()
    guard.end({child.pid}, grace=0.1)
    assert child.wait(10) == -signal.SIGKILL


def test_processes_of_a_service_have_names_of_their_own():
    assert split.names("api", 1) == ["api"]
    assert split.names("api", 3) == ["api", "api-2", "api-3"]


@pytest.mark.parametrize("name", ["volume", "nobody"])
def test_there_are_not_several_of_everything(name):
    split.check_processes({"api": 3, "scheduler": 2})
    with pytest.raises(split.NotSeveral, match=f"'{name}', only of: placement, network"):
        split.check_processes({"api": 3, name: 2})
