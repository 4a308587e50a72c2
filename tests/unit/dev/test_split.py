"""The rig: crash points, the supervisor, the guard, and the files that services are started with."""

import asyncio
import os
import signal
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from tinstack.computedb.kinds import KINDS
from tinstack.core import crash
from tinstack.dev import broker, given, guard, split, supervisor, toml
from tinstack.dev.options import DevOptions
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
    return Program(name, exec, (code,), tmp_path / f"{name}.log")


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


@pytest.mark.parametrize(
    ("unknown", "told"),
    [
        ("conductor", "nearest: conductor:before-9, "),
        ("conductor:after-1", "nearest: conductor:after-1"),
        ("conductor:aftr-29", "nearest: conductor:after-29, "),
        ("nobody:before-11", "Of services there are: api, "),
    ],
)
def test_an_unknown_crash_point_is_refused_with_those_that_are_near(unknown, told):
    with pytest.raises(split.UnknownPoint) as refused:
        split.crashes(["conductor:after-11", unknown])
    assert told in refused.value.text and len(refused.value.text) < 250


class Banner:
    """A server that says one thing to whoever connects, before (or after) he speaks."""

    def __init__(self, said, *, asked=False):
        self.said, self.asked = said, asked

    async def __aenter__(self):
        async def serve(reader, writer):
            if self.asked:
                await reader.read(8)
            writer.write(self.said)
            await writer.drain()
            writer.close()

        self.server = await asyncio.start_server(serve, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def __aexit__(self, *_):
        self.server.close()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"database": "sqlite:///x"}, "--database must be mysql://HOST:PORT, not 'sqlite:///x'."),
        ({"database": "mysql://127.0.0.1:port"}, "is no URL"),
        ({"bus": "amqp://guest:guest@127.0.0.1:1/"}, "--bus names a place alone"),
        ({"bus": "amqp://127.0.0.1:1"}, "--bus 'amqp://127.0.0.1:1': nobody answers there"),
    ],
)
def test_a_backend_that_can_not_be_is_told_in_a_sentence(tmp_path, options, told):
    with pytest.raises(given.NotThere) as refused:
        given.check_given(DevOptions(tmp_path, **options))
    assert told in refused.value.text


async def test_a_backend_of_another_kind_is_told():
    mariadb, rabbitmq = b"\x4a\0\0\0\x0a10.11", b"\x01\0\0"
    async with Banner(mariadb) as port:
        place = DevOptions(Path(), database=f"mysql://127.0.0.1:{port}", bus=None)
        await asyncio.to_thread(given.check_given, place)
        with pytest.raises(given.NotThere, match="no RabbitMQ"):
            await asyncio.to_thread(given.check_given, DevOptions(Path(), bus=f"amqp://127.0.0.1:{port}"))
    async with Banner(rabbitmq, asked=True) as port:
        await asyncio.to_thread(given.check_given, DevOptions(Path(), bus=f"amqp://127.0.0.1:{port}"))


def test_a_broker_gets_what_it_depends_on_and_no_more(tmp_path):
    for name, needs in {
        "rabbit": "kernel,ra,\n  jsx",
        "ra": "gen_batch_server",
        "gen_batch_server": "",
        "jsx": "",
        "mqtt": "rabbit",
    }.items():
        folder = tmp_path / f"{name}-1.0" / "ebin"
        folder.mkdir(parents=True)
        (folder / f"{name}.app").write_text("{application, x, [{modules, [a]},\n {applications, [" + needs + "]}]}.")
    found = {folder.name for folder in broker.needed(tmp_path)}
    assert found == {"rabbit-1.0", "ra-1.0", "gen_batch_server-1.0", "jsx-1.0"}


def test_no_module_is_listed_of_applications_that_declare_nothing(tmp_path):
    written = "{application, x, [{vsn, \"1\"}, {modules, [a,\n 'b']}, {env, []}]}."
    for name in ("rabbit", "ra"):
        folder = tmp_path / "all" / f"{name}-1.0" / "ebin"
        folder.mkdir(parents=True)
        (folder / f"{name}.app").write_text(written)
    broker.specify(tmp_path / "own", (tmp_path / "all").iterdir())
    (own,) = (tmp_path / "own").iterdir()
    assert own.name == "ra.app"
    assert own.read_text() == written.replace("[a,\n 'b']", "[]")


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
    await asyncio.to_thread(kept.children[0]._process._process.join)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(again.wait(), 0.2)
    held.unlink()
    await asyncio.wait_for(again.wait(), 10)
    await kept.stop()


def test_the_guard_knows_who_is_left():
    assert guard.noted(b"+12\n+7\n-12\n+9\n") == {7, 9}


def test_what_says_that_a_rig_is_ready_does_not_outlive_it(tmp_path):
    ready = tmp_path / "ready.json"
    ready.touch()
    watching = guard.Guard(ready)
    watching.close()
    assert not ready.exists()


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
