"""NICs that come and go while a guest is there: in its kept XML, and in what libvirt is asked for."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from tinstack.compute.drivers.interface import DriverError, Guest, Nic
from tinstack.compute.drivers.libvirt import driver as drivers
from tinstack.compute.drivers.libvirt import hypervisor as hypervisors
from tinstack.compute.drivers.libvirt import nics
from tinstack.compute.drivers.libvirt.domain import NAMESPACE, render_nic
from tinstack.compute.drivers.libvirt.driver import LibvirtDriver
from tinstack.core.guestdata import tap_of

ID = "7d5f2a34-3c0e-4b5e-9a43-0242ac110002"
FIRST, SECOND = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
pytestmark = pytest.mark.usefixtures("programs")


def nic(port_id: str) -> Nic:
    return Nic(port_id=port_id, mac=f"fa:16:3e:00:00:{port_id[:2]}", device=tap_of(port_id), mtu=1450)


@pytest.fixture
async def driver(
    tmp_path: Path, hypervisor: Any, guest: Callable[..., Guest], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LibvirtDriver]:
    """With a guest that runs and has one NIC."""
    monkeypatch.setattr(drivers, "UNPLUG_LOOK_SECONDS", 0.001)
    instances = tmp_path / "instances"
    instances.mkdir()
    made = LibvirtDriver(hypervisor, virt_type="qemu", instances_dir=instances, my_ip="10.0.0.5")
    await made.spawn(guest(nics=[nic(FIRST)]))
    hypervisor.live[tap_of(FIRST)] = "at boot"
    hypervisor.calls.clear()
    yield made
    await made.close()


def kept(tmp_path: Path) -> ElementTree.Element:
    return ElementTree.fromstring((tmp_path / "instances" / ID / "domain.xml").read_text())


def taps(root: ElementTree.Element) -> list[str | None]:
    return [target.get("dev") for target in root.iterfind("devices/interface/target")]


async def test_a_nic_is_plugged_in_and_kept(driver: LibvirtDriver, hypervisor: Any, tmp_path: Path) -> None:
    for _ in range(2):
        await driver.attach_nic(ID, nic(SECOND), {"hw_vif_model": "e1000"})
    assert taps(kept(tmp_path)) == [tap_of(FIRST), tap_of(SECOND)]
    plugged = ElementTree.fromstring(hypervisor.live[tap_of(SECOND)])
    model, target = plugged.find("model"), plugged.find("target")
    assert model is not None and model.get("type") == "e1000"
    assert target is not None and target.get("managed") == "no"
    assert kept(tmp_path).find(f"metadata/{{{NAMESPACE}}}instance") is not None


async def test_one_of_a_guest_that_is_off_is_there_at_its_start(
    driver: LibvirtDriver, hypervisor: Any, tmp_path: Path
) -> None:
    await driver.stop(ID, 1)
    await driver.attach_nic(ID, nic(SECOND), {})
    await driver.start(ID)
    assert taps(ElementTree.fromstring(hypervisor.domains[ID][1])) == [tap_of(FIRST), tap_of(SECOND)]


async def test_a_nic_is_unplugged_once_the_guest_lets_go(
    driver: LibvirtDriver, hypervisor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "PRESS_AGAIN_SECONDS", 0.0)
    hypervisor.holds = 3
    await driver.detach_nic(ID, FIRST)
    assert hypervisor.calls.count("unplug") == 4 and taps(kept(tmp_path)) == []
    await driver.detach_nic(ID, FIRST)


async def test_a_guest_that_holds_on_keeps_it(
    driver: LibvirtDriver, hypervisor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "UNPLUG_SECONDS", 0.02)
    hypervisor.holds = 1000
    with pytest.raises(DriverError, match="did not release the device"):
        await driver.detach_nic(ID, FIRST)
    assert taps(kept(tmp_path)) == [tap_of(FIRST)]


async def test_a_guest_that_is_gone_has_none(driver: LibvirtDriver) -> None:
    await driver.remove(ID)
    await driver.detach_nic(ID, FIRST)
    with pytest.raises(DriverError, match="There is no guest"):
        await driver.attach_nic(ID, nic(SECOND), {})


async def test_a_guest_does_not_start_with_a_port_that_is_gone(
    driver: LibvirtDriver, hypervisor: Any, tmp_path: Path
) -> None:
    await driver.attach_nic(ID, nic(SECOND), {})
    await driver.stop(ID, 1)
    await driver.keep_nics(ID, {SECOND})
    await driver.start(ID)
    assert taps(ElementTree.fromstring(hypervisor.domains[ID][1])) == [tap_of(SECOND)]


# --- what libvirt is asked ------------------------------------------------------------------------


class Domain:
    """A virDomain with live and kept devices. ``stubborn``: the guest does not let go."""

    def __init__(self, active: bool) -> None:
        self.active, self.stubborn, self.asked = active, False, list[tuple[str, int]]()
        self.live: list[str] = []
        self.config: list[str] = []

    def isActive(self) -> bool:
        return self.active

    def XMLDesc(self, flags: int) -> str:
        return f"<domain><devices>{''.join(self.config if flags else self.live)}</devices></domain>"

    def _where(self, flags: int) -> list[str]:
        return self.config if flags == LIBVIRT.VIR_DOMAIN_AFFECT_CONFIG else self.live

    def attachDeviceFlags(self, xml: str, flags: int) -> None:
        self.asked.append(("attach", flags))
        self._where(flags).append(xml)

    def detachDeviceFlags(self, xml: str, flags: int) -> None:
        self.asked.append(("detach", flags))
        if flags == LIBVIRT.VIR_DOMAIN_AFFECT_LIVE and self.stubborn:
            if len(self.asked) > 3:
                raise Failed
            return
        self._where(flags).clear()


class Failed(Exception):
    """libvirt.libvirtError of a device that was asked for before."""

    def get_error_code(self) -> int:
        return 1

    def get_error_message(self) -> str:
        return "internal error: Device net1 is already in the process of unplug"


LIBVIRT = SimpleNamespace(
    VIR_DOMAIN_AFFECT_LIVE=1,
    VIR_DOMAIN_AFFECT_CONFIG=2,
    VIR_DOMAIN_XML_INACTIVE=2,
    VIR_ERR_DEVICE_MISSING=99,
    libvirtError=Failed,
)


@pytest.fixture(autouse=True)
def libvirt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "libvirt", LIBVIRT)


XML, TAP = render_nic(nic(SECOND), "virtio"), tap_of(SECOND)


def test_a_running_guest_gets_it_now_and_for_later_once() -> None:
    domain = Domain(active=True)
    for _ in range(2):
        hypervisors._plug(domain, XML, TAP)
    assert domain.asked == [("attach", 1), ("attach", 2)]
    assert nics.find(domain.XMLDesc(0), TAP) and nics.find(domain.XMLDesc(2), TAP)


def test_a_guest_that_is_off_gets_it_for_later() -> None:
    domain = Domain(active=False)
    hypervisors._plug(domain, XML, TAP)
    assert domain.asked == [("attach", 2)]


def test_unplugging_asks_the_guest_and_forgets_it_for_later() -> None:
    domain = Domain(active=True)
    hypervisors._plug(domain, XML, TAP)
    assert hypervisors._unplug(domain, TAP, ask=True) is False
    assert hypervisors._unplug(domain, TAP, ask=True) is False
    assert domain.live == domain.config == []


def test_a_guest_that_was_asked_before_may_be_asked_again() -> None:
    domain = Domain(active=True)
    hypervisors._plug(domain, XML, TAP)
    domain.stubborn = True
    assert hypervisors._unplug(domain, TAP, ask=True) is True
    assert hypervisors._unplug(domain, TAP, ask=True) is True
    domain.live.clear()
    assert hypervisors._unplug(domain, TAP, ask=False) is False
