"""A lab of one controller and one compute host, and the verbs that tell what is wrong with it."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.host import Host

from guests import ROOT, clouds, verb

STATE = Path(os.environ.get("TINSTACK_FAULTS_STATE", ROOT / ".lab" / "faults"))
"""Where the lab's state is, if it is not the one that the scenario makes."""

WELL_SECONDS = 120.0


@dataclass(frozen=True)
class Said:
    """What a verb said: its exit code, all of its words, and how long it took."""

    code: int
    text: str
    seconds: float


class Lab:
    """Its hosts and verbs."""

    def __init__(self, inventory: str) -> None:
        self.inventory = inventory
        said = subprocess.run(
            [str(Path(sys.executable).parent / "ansible-inventory"), "-i", inventory, "--list"],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        groups = json.loads(said.stdout)
        self.controller, self.compute = groups["api"]["hosts"][0], groups["compute"]["hosts"][0]
        self.address = groups["_meta"]["hostvars"][self.controller]["ansible_host"]
        cloud = clouds(STATE)
        self.admin, self.member = cloud("tinstack-admin"), cloud("tinstack")

    def host(self, name: str) -> Host:
        return testinfra.get_host(f"ansible://{name}", ansible_inventory=self.inventory)

    def say(self, words: str) -> Said:
        """Run a verb of ./lab."""
        began = time.monotonic()
        done = verb(self.inventory, STATE, *shlex.split(words))
        return Said(done.returncode, done.stdout + done.stderr, time.monotonic() - began)

    def well(self) -> None:
        """Wait until `status` has nothing to say."""
        end = time.monotonic() + WELL_SECONDS
        while (said := self.say("status")).code:
            assert time.monotonic() < end, f"the lab does not get well:\n{said.text}"
            time.sleep(2)

    def words(self) -> dict[str, str]:
        """Names by which faults and sentences speak of the lab."""
        server = next(iter(self.admin.compute.servers(all_projects=True, name="^hello$")))
        port = next(iter(self.admin.network.ports(device_id=server.id)))
        image = next(iter(self.member.image.images(name="tiny")))
        return {
            "ctl": self.controller,
            "hv": self.compute,
            "ctl_address": self.address,
            "net": port.network_id,
            "tap": f"tap{port.id[:11]}",
            "vx": f"vx{port.network_id[:11]}",
            "port": port.id,
            "image": image.id,
        }


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Lab:
    """The lab that the scenario made, or that the inventory names."""
    return Lab(str(request.config.getoption("--ansible-inventory")))


@pytest.fixture(scope="session")
def words(lab: Lab) -> dict[str, str]:
    lab.well()
    return lab.words()


@pytest.fixture(scope="session")
def sh(lab: Lab) -> Callable[[str, str], str]:
    """Run a script on a host."""

    def run(name: str, script: str) -> str:
        return str(lab.host(name).check_output("sh -eu -c %s", script))

    return run


@pytest.fixture
def boots(lab: Lab) -> Any:
    """Servers and networks of a test, removed when it ends."""
    made: list[Callable[[], object]] = []
    yield made
    for remove in reversed(made):
        remove()
