"""The connection to libvirt: opened when needed, again after a restart, and its errors in sentences."""

import asyncio
import sys
from types import ModuleType
from typing import Any

import pytest

from tinstack.compute.drivers.interface import CRASHED, PAUSED, RUNNING, SHUTDOWN, SUSPENDED, DriverError
from tinstack.compute.drivers.libvirt import events, hypervisor, waiting
from tinstack.compute.drivers.libvirt.hypervisor import LibvirtHypervisor

ID = "7d5f2a34-3c0e-4b5e-9a43-0242ac110002"


class Failed(Exception):
    """libvirt.libvirtError."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code

    def get_error_message(self) -> str:
        return str(self)

    def get_error_code(self) -> int:
        return self.code


class Domain:
    """A virDomain."""

    def __init__(self) -> None:
        self.active, self.saved, self.created, self.ours = False, False, 0, True

    def UUIDString(self) -> str:
        return ID

    def isActive(self) -> bool:
        return self.active

    def state(self) -> list[int]:
        return [1 if self.active else 5, 0]

    def hasManagedSaveImage(self) -> bool:
        return self.saved

    def create(self) -> None:
        self.created += 1
        self.active = True

    def destroy(self) -> None:
        if not self.active:
            raise Failed("domain is not running")
        self.active = False

    def managedSave(self, flags: int) -> None:
        self.active, self.saved = False, True

    def metadata(self, kind: int, namespace: str) -> str:
        if not self.ours:
            raise Failed("metadata not found", 80)
        return "<instance/>"


class Connection:
    """A virConnect; ``dead``: its daemon was restarted."""

    def __init__(self, domain: Domain) -> None:
        self.domain, self.dead, self.event = domain, False, None

    def isAlive(self) -> int:
        return 0 if self.dead else 1

    def setKeepAlive(self, interval: int, count: int) -> None:
        pass

    def domainEventRegisterAny(self, domain: Any, event: int, callback: Any, opaque: Any) -> None:
        self.event = callback

    def lookupByUUIDString(self, id: str) -> Domain:
        if self.dead:
            raise Failed("client socket is closed")
        if id != ID:
            raise Failed("no domain with matching uuid", 42)
        return self.domain

    def listAllDomains(self) -> list[Domain]:
        return [self.domain]

    def close(self) -> None:
        self.dead = True


class Libvirt(ModuleType):
    """The module, as much of it as is used."""

    VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_METADATA_ELEMENT, VIR_ERR_NO_DOMAIN = 0, 2, 42
    libvirtError = Failed

    def __init__(self) -> None:
        super().__init__("libvirt")
        self.domain, self.opened, self.absent = Domain(), list[Connection](), False

    def open(self, uri: str) -> Connection:
        if self.absent:
            raise Failed("Failed to connect socket to '/run/libvirt/libvirt-sock'.")
        self.opened.append(Connection(self.domain))
        return self.opened[-1]


@pytest.fixture
def libvirt(monkeypatch: pytest.MonkeyPatch) -> Libvirt:
    module = Libvirt()
    monkeypatch.setitem(sys.modules, "libvirt", module)
    monkeypatch.setattr(events, "listen", lambda: None)
    return module


@pytest.fixture
def one(libvirt: Libvirt) -> LibvirtHypervisor:
    return LibvirtHypervisor("qemu:///system")


async def test_a_daemon_that_was_restarted_is_connected_to_again(libvirt: Libvirt, one: LibvirtHypervisor) -> None:
    assert await one.state(ID) == SHUTDOWN
    libvirt.opened[0].dead = True
    await one.start(ID)
    assert await one.state(ID) == RUNNING and len(libvirt.opened) == 2


async def test_a_daemon_that_goes_in_the_middle_of_a_call_is_asked_again(
    libvirt: Libvirt, one: LibvirtHypervisor
) -> None:
    await one.state(ID)
    dying = libvirt.opened[0]
    answers = [1, 0, 0]
    dying.isAlive = lambda: answers.pop(0)  # type: ignore[method-assign]
    dying.dead = True
    assert await one.state(ID) == SHUTDOWN and len(libvirt.opened) == 2


async def test_the_agent_starts_without_the_daemon_and_heals(libvirt: Libvirt, one: LibvirtHypervisor) -> None:
    libvirt.absent = True
    await one.open(lambda id, state: None)
    with pytest.raises(DriverError, match="libvirt can't be reached at qemu:///system: Failed to connect"):
        await one.state(ID)
    libvirt.absent = False
    assert await one.state(ID) == SHUTDOWN


async def test_without_the_package_that_is_said(monkeypatch: pytest.MonkeyPatch, one: LibvirtHypervisor) -> None:
    monkeypatch.setitem(sys.modules, "libvirt", None)
    with pytest.raises(DriverError, match="python3-libvirt is not installed"):
        await one.state(ID)


async def test_a_refusal_is_libvirts_sentence(libvirt: Libvirt, one: LibvirtHypervisor) -> None:
    def create() -> None:
        raise Failed("internal error: no such tap.")

    libvirt.domain.create = create  # type: ignore[method-assign]
    with pytest.raises(DriverError, match=r"^libvirt could not start the guest: internal error: no such tap\.$"):
        await one.start(ID)


async def test_what_is_so_already_is_left_alone(libvirt: Libvirt, one: LibvirtHypervisor) -> None:
    await one.start(ID)
    await one.start(ID)
    await one.switch_off(ID)
    await one.switch_off(ID)
    assert libvirt.domain.created == 1


async def test_no_guest_has_no_state_and_saved_memory_is_suspended(libvirt: Libvirt, one: LibvirtHypervisor) -> None:
    assert await one.state("8d5f2a34-3c0e-4b5e-9a43-0242ac110002") is None
    await one.start(ID)
    await one.save(ID)
    assert await one.state(ID) == SUSPENDED


async def test_only_domains_with_our_metadata_are_ours(libvirt: Libvirt, one: LibvirtHypervisor) -> None:
    assert await one.states() == {ID: SHUTDOWN}
    libvirt.domain.ours = False
    assert await one.states() == {}


async def test_events_are_heard_in_the_loop(libvirt: Libvirt, one: LibvirtHypervisor) -> None:
    heard: list[tuple[str, int]] = []
    await one.open(lambda id, state: heard.append((id, state)))
    tell: Any = libvirt.opened[0].event
    for event, detail in ((2, 0), (5, 0), (5, 4), (0, 0)):
        await asyncio.to_thread(tell, libvirt.opened[0], libvirt.domain, event, detail, None)
    await asyncio.sleep(0)
    assert heard == [(ID, RUNNING), (ID, SHUTDOWN), (ID, SUSPENDED)]
    await one.close()
    assert libvirt.opened[0].dead


@pytest.mark.parametrize("reason, resumed", [(1, 0), (5, 1)])
def test_only_a_guest_that_waits_for_a_disk_is_let_try_again(reason: int, resumed: int) -> None:
    class Paused(Domain):
        resumed = 0

        def state(self) -> list[int]:
            return [1, 1] if self.resumed else [3, reason]

        def resume(self) -> None:
            self.resumed += 1

    domain = Paused()
    assert waiting.go_on(domain) is bool(resumed) and waiting.go_on(domain) is False
    assert domain.resumed == resumed


@pytest.mark.parametrize("reason, power", [(1, SHUTDOWN), (2, SHUTDOWN), (3, CRASHED), (6, CRASHED), (0, SHUTDOWN)])
def test_a_guest_whose_process_died_is_told_from_one_that_is_off(reason: int, power: int) -> None:
    class Off(Domain):
        def state(self) -> list[int]:
            return [5, reason]

    assert hypervisor._power(Off()) == power


@pytest.mark.parametrize(
    "event, detail, power", [(5, 0, SHUTDOWN), (5, 2, CRASHED), (5, 4, SUSPENDED), (3, 5, PAUSED), (0, 0, None)]
)
def test_what_events_say(event: int, detail: int, power: int | None) -> None:
    assert events.power_of(event, detail) == power
