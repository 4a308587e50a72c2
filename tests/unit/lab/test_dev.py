"""`./lab dev` as a program: ready, state kept, ended by SIGTERM, one at a time on one state."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PYRUNTIME = Path(__file__).parents[3] / "pyruntime"
SECONDS = 120


def free_base() -> int:
    for base in range(40200, 60000, 8):
        with ExitStack() as stack:
            try:
                for port in range(base, base + 8):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise RuntimeError("no eight free ports in a row")


def start(state: Path, base: int, *options: str) -> subprocess.Popen[str]:
    """The program, but with a repository of its own: which lab was made last is not the tests' to say."""
    program = (
        "import pathlib, sys; from tinstack.lab import labs; labs.ROOT = pathlib.Path(sys.argv.pop(1)); "
        "from tinstack.lab.cli import lab; lab(prog_name='./lab')"
    )
    command = [sys.executable, "-P", "-c", program, str(state.parent)]
    arguments = ["dev", "--state", str(state), "--port-base", str(base), *options]
    environment = {**os.environ, "PYTHONPATH": str(PYRUNTIME)}
    return subprocess.Popen([*command, *arguments], env=environment, stdout=-1, stderr=-1, text=True)


@contextmanager
def dev(state: Path, base: int, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A cloud that is ready; ended by SIGTERM."""
    process = start(state, base, *options)
    try:
        assert process.stdout and process.stdout.readline().startswith("ready in "), process.communicate()
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.communicate()


def sign_in(state: Path) -> int:
    auth = json.loads((state / "clouds.yaml").read_bytes())["clouds"]["tinstack-admin"]["auth"]
    user = {"name": "admin", "password": auth["password"], "domain": {"name": "Default"}}
    body = json.dumps({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}).encode()
    url = f"{auth['auth_url']}/auth/tokens"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(
        urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=SECONDS
    ) as answer:
        return int(answer.status)


def test_a_cloud_in_one_process(tmp_path: Path) -> None:
    state, base = tmp_path / "state", free_base()
    with dev(state, base, "--empty", "--hosts", "1"):
        ready = json.loads((state / "ready.json").read_bytes())
        assert ready["hosts"] == ["compute1"] and ready["services"]["compute"] == f"http://127.0.0.1:{base + 1}/v2.1"
        for name in ("identity.db", "secrets.json", "clouds.yaml", "ready.json"):
            assert (state / name).stat().st_mode & 0o077 == 0, f"{name} is for its owner alone"

        other = start(state, free_base())
        _, words = other.communicate(timeout=SECONDS)
        assert other.returncode == 1 and words.count("\n") == 1 and f"(process {ready['pids'][0]})" in words
        assert (state / "ready.json").exists(), "the one that runs is not disturbed"

        busy = start(tmp_path / "other", base)
        _, words = busy.communicate(timeout=SECONDS)
        assert busy.returncode == 1 and words.startswith("lab: Something else listens on 127.0.0.1 ports")
        assert not (tmp_path / "other").exists(), "told before anything changes"
    assert not (state / "ready.json").exists()

    (state / "ready.json").write_text("{}")  # as a killed process leaves it
    moved = free_base()
    with dev(state, moved, "--empty", "--hosts", "1"):
        assert json.loads((state / "ready.json").read_bytes())["auth_url"] == f"http://127.0.0.1:{moved}/v3"
        assert sign_in(state) == 201


def test_an_end_before_it_is_ready_is_an_end(tmp_path: Path) -> None:
    state = tmp_path / "state"
    process = start(state, free_base())
    while not (state / "identity.db").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    out, words = process.communicate(timeout=SECONDS)
    assert (process.returncode, out, words) == (0, "", "")
    assert not (state / "ready.json").exists()
