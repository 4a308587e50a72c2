"""A lab whose tasks are spread over five hosts, and over two releases."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.host import Host

from guests import ROOT, clouds

STATE = Path(os.environ.get("TINSTACK_SPREAD_STATE", ROOT / ".lab" / "spread"))
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
def host(inventory: Path) -> Callable[[str], Host]:
    """A host by its name; commands are root's by sudo."""
    return lambda name: testinfra.get_host(f"ansible://{name}", ansible_inventory=str(inventory))


@pytest.fixture(scope="session")
def cloud() -> Callable[[str], Any]:
    """The cloud as one of the users of clouds.yaml."""
    return clouds(STATE)
