"""The machine itself as a host: asked without SSH, by the same programs."""

import os
from types import ModuleType

import pytest

from tinstack.lab import fleet
from tinstack.lab.fleet import HostError, LocalHost
from tinstack.lab.onhost import commands


@pytest.fixture(autouse=True)
def as_who_we_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "AS_ROOT", 'exec "$@"')


def program(monkeypatch: pytest.MonkeyPatch, source: str) -> ModuleType:
    monkeypatch.setattr(fleet, "sources", lambda module: {module.__name__: source})
    return commands


def test_what_a_program_writes_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    given = program(monkeypatch, "import os, sys\nprint(os.getpid(), sys.argv[1])")
    with LocalHost("here", {}) as host:
        pid, said = b"".join(host.run(given, {"a": 1}, 60)).decode().split()
    assert int(pid) != os.getpid()
    assert said == '{"a":1}'


def test_a_program_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    given = program(monkeypatch, "raise SystemExit('the disk is gone')")
    with LocalHost("here", {}) as host, pytest.raises(HostError, match=r"here: the disk is gone"):
        list(host.run(given, {}, 60))


def test_one_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    given = program(monkeypatch, "import time\ntime.sleep(600)")
    with LocalHost("here", {}) as host, pytest.raises(HostError, match=r"did not answer within 0\.5 s"):
        list(host.run(given, {}, 0.5))


def test_a_stream_that_is_no_longer_read_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    given = program(monkeypatch, "import time\nprint('first', flush=True)\ntime.sleep(600)")
    with LocalHost("here", {}) as host:
        stream = host.run(given, {}, 60)
        assert next(stream).startswith(b"first")
        stream.close()


def test_the_inventory_says_which_host_is_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"here": {"local": True, "address": "192.0.2.1"}}
    monkeypatch.setattr(fleet, "known", lambda lab: known)
    monkeypatch.setattr(fleet.importlib.util, "find_spec", lambda name: object())
    assert isinstance(fleet.Fleet(None).host("here"), LocalHost)  # type: ignore[arg-type]
