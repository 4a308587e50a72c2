"""A whole cloud on one host, whose services share a process."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.host import Host

from guests import ROOT, Lab, clouds, verb

STATE = Path(os.environ.get("TINSTACK_COMBINED_STATE", ROOT / ".lab" / "combined"))
"""Where the lab's state is, if it is not the one that the scenario makes."""


@pytest.fixture(scope="session")
def state() -> Path:
    """The lab's state on the machine that deploys."""
    return STATE


@pytest.fixture(scope="session")
def inventory(request: pytest.FixtureRequest) -> Path:
    """The inventory that the lab was deployed with."""
    return Path(str(request.config.getoption("--ansible-inventory")))


@pytest.fixture(scope="session")
def name() -> str:
    """The host's."""
    return os.environ.get("TINSTACK_COMBINED_HOST", "single")


@pytest.fixture(scope="session")
def one(inventory: Path, name: str) -> Host:
    """The host."""
    return testinfra.get_host(f"ansible://{name}", ansible_inventory=str(inventory))


@pytest.fixture(scope="session")
def cloud() -> Callable[[str], Any]:
    """The cloud as one of the users of clouds.yaml."""
    return clouds(STATE)


@pytest.fixture(scope="session")
def lab(inventory: Path) -> Lab:
    """Run a verb of ``./lab`` over this lab, or over its inventory as another has it."""
    return lambda *words, over=inventory: verb(over, STATE, *words)
