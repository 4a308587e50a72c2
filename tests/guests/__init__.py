"""What tests with real guests on a deployed lab have in common."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openstack

ROOT = Path(__file__).resolve().parents[2]
judge_path = Path(__file__).with_name("judge.py")
"""The script that asks cloud-init."""
SECONDS = 240.0
"""Longer than the leases of a deployed lab, after which others go on with what was begun."""
SSH = (
    "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o BatchMode=yes -o ConnectTimeout=5 -o LogLevel=ERROR"
)


def until(done: Callable[[], Any], what: str, seconds: float = SECONDS, pause: float = 1.0) -> Any:
    """What ``done`` gives once that is true."""
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(pause)
    return found


def floating_of(server: Any) -> str:
    """The address by which it is reached from outside."""
    found = [address for addresses in server.addresses.values() for address in addresses]
    return str(next(address["addr"] for address in found if address["OS-EXT-IPS:type"] == "floating"))


def in_guest(server: Any, state: Path, command: str) -> str:
    """What a command says in the guest, by SSH with the demo key. Raises CalledProcessError."""
    argv = ["ssh", "-nF", "none", "-i", str(state / "demo_key"), *SSH.split(), f"root@{floating_of(server)}", command]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def answers(server: Any, state: Path) -> bool:
    """Whether the guest lets us in."""
    try:
        in_guest(server, state, "true")
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return False
    return True


Lab = Callable[..., "subprocess.CompletedProcess[str]"]
"""Runs a verb of ``./lab`` on the lab that is tested."""


def clouds(state: Path) -> Callable[[str], Any]:
    """The cloud as one of the users of a lab's clouds.yaml."""
    loader = openstack.config.OpenStackConfig(config_files=[str(state / "clouds.yaml")])
    return lambda name: openstack.connection.Connection(config=loader.get_one(cloud=name))


def verb(inventory: str | Path, state: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run ``./lab`` with these words on the lab of an inventory, as an operator does."""
    argv = [str(ROOT / "lab"), *words, "-i", str(inventory), "--state", str(state)]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=1800)


def play(inventory: str, playbook: str, **variables: object) -> None:
    """Run one of the playbooks over the lab."""
    given = [f"-e{name}={value}" for name, value in variables.items()]
    argv = ["ansible-playbook", "-i", inventory, f"playbooks/{playbook}.yml", *given]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
