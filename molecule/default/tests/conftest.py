"""What the tests of a deployed lab look at: its hosts, its cloud, and the server ``hello`` with the host that runs it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import testinfra
from testinfra.host import Host

from guests import Lab, clouds, verb

STATE = Path(__file__).parents[3] / ".lab" / "molecule"


@dataclass(frozen=True)
class Domain:
    """A libvirt domain, read from its XML."""

    uuid: str
    memory_mib: int
    vcpus: int
    mac_addresses: set[str]

    @classmethod
    def of(cls, xml: str) -> "Domain":
        """From domain XML whose memory is in KiB, as libvirt prints it, or in MiB, as we write it."""
        root = ElementTree.fromstring(xml)
        memory = root.find("memory")
        assert memory is not None
        unit = {"KiB": 1, "MiB": 1024}[memory.get("unit", "KiB")]
        macs = {mac.get("address", "") for mac in root.findall("devices/interface/mac")}
        vcpus = int(root.findtext("vcpu", "1"))
        return cls(root.findtext("uuid", ""), int(memory.text or 0) * unit // 1024, vcpus, macs)


@pytest.fixture(scope="session")
def domain() -> Callable[[str], Domain]:
    """Reads domain XML."""
    return Domain.of


@pytest.fixture(scope="session")
def state() -> Path:
    """The lab's state on the machine that deploys."""
    return STATE


@pytest.fixture(scope="session")
def inventory(request: pytest.FixtureRequest) -> str:
    """The inventory that the lab was deployed with."""
    return str(request.config.getoption("--ansible-inventory"))


@pytest.fixture(scope="session")
def lab(inventory: str, state: Path) -> Lab:
    """Run a verb of ``./lab`` over this lab, or over its inventory as another has it."""
    return lambda *words, over=inventory: verb(over, state, *words)


@pytest.fixture(scope="session")
def host_named(inventory: str) -> Callable[[str], Host]:
    """A host by its name."""
    return lambda name: testinfra.get_host(f"ansible://{name}", ansible_inventory=inventory)


@pytest.fixture(scope="session")
def cloud() -> Callable[[str], Any]:
    """The cloud as one of the users of clouds.yaml."""
    return clouds(STATE)


@pytest.fixture(scope="session")
def hello(cloud: Callable[[str], Any]) -> Any:
    """The demo server as the administrator sees it."""
    compute = cloud("tinstack-admin").compute
    return next(iter(compute.servers(all_projects=True, name="^hello$")))


@pytest.fixture(scope="session")
def its_host(hello: Any, host_named: Callable[[str], Host]) -> Host:
    """The host that hello runs on."""
    return host_named(hello.hypervisor_hostname)
