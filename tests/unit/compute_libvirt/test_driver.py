"""The driver over a hypervisor in memory: each of its methods may be called again, and power goes where it should."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tinstack.compute.drivers.interface import CRASHED, PAUSED, RUNNING, SHUTDOWN, SUSPENDED, DriverError, Guest
from tinstack.compute.drivers.libvirt.driver import LibvirtDriver
from tinstack.conductor.rpc import DIED, HOST_WENT_DOWN, LOST

ID = "7d5f2a34-3c0e-4b5e-9a43-0242ac110002"
pytestmark = pytest.mark.usefixtures("programs")


@pytest.fixture
def told() -> list[tuple[str, int]]:
    return []


WAITS = -1
"""Told instead of a power state: the guest waits for a disk."""


@pytest.fixture
async def driver(tmp_path: Path, hypervisor: Any, told: list[tuple[str, int]]) -> AsyncIterator[LibvirtDriver]:
    instances = tmp_path / "instances"
    instances.mkdir()
    made = LibvirtDriver(hypervisor, virt_type="qemu", instances_dir=instances, my_ip="10.0.0.5")

    async def changed(id: str, state: int) -> None:
        told.append((id, state))

    async def waits(id: str) -> None:
        told.append((id, WAITS))

    await made.open(changed, waits)
    yield made
    await made.close()


@pytest.fixture
async def running(driver: LibvirtDriver, hypervisor: Any, guest: Callable[..., Guest]) -> LibvirtDriver:
    await driver.spawn(guest())
    hypervisor.calls.clear()
    return driver


async def test_a_spawned_guest_runs_by_exactly_the_kept_xml(
    driver: LibvirtDriver, hypervisor: Any, guest: Callable[..., Guest], tmp_path: Path
) -> None:
    await driver.spawn(guest())
    kept = (tmp_path / "instances" / ID / "domain.xml").read_text()
    assert hypervisor.domains[ID] == [RUNNING, kept]
    assert [(one.id, one.power_state) for one in await driver.servers()] == [(ID, RUNNING)]


async def test_spawning_again_does_nothing(
    running: LibvirtDriver, hypervisor: Any, guest: Callable[..., Guest]
) -> None:
    await running.spawn(guest())
    assert hypervisor.calls == []


async def test_what_can_not_be_is_refused_before_anything_is_made(
    driver: LibvirtDriver, hypervisor: Any, guest: Callable[..., Guest], tmp_path: Path
) -> None:
    with pytest.raises(DriverError, match="hw_vif_model"):
        await driver.spawn(guest(image_properties={"hw_vif_model": "ne1"}))
    assert hypervisor.calls == [] and list((tmp_path / "instances").iterdir()) == []


async def test_a_spawn_that_libvirt_refused_can_be_tried_again(
    driver: LibvirtDriver, hypervisor: Any, guest: Callable[..., Guest]
) -> None:
    hypervisor.refuse = "start"
    with pytest.raises(DriverError, match="could not start"):
        await driver.spawn(guest())
    assert await driver.power_state(ID) == SHUTDOWN
    hypervisor.refuse = None
    await driver.spawn(guest())
    assert await driver.power_state(ID) == RUNNING


async def test_removing_leaves_nothing_and_can_be_repeated(
    running: LibvirtDriver, hypervisor: Any, tmp_path: Path
) -> None:
    await running.remove(ID)
    await running.remove(ID)
    assert hypervisor.domains == {} and list((tmp_path / "instances").iterdir()) == []
    assert await running.power_state(ID) is None


async def test_a_guest_that_hears_the_power_button_is_not_switched_off(running: LibvirtDriver, hypervisor: Any) -> None:
    await running.stop(ID, 60)
    await running.stop(ID, 60)
    assert hypervisor.calls == ["power button"] and await running.power_state(ID) == SHUTDOWN


async def test_a_deaf_guest_is_switched_off_when_its_time_is_over(running: LibvirtDriver, hypervisor: Any) -> None:
    hypervisor.deaf = True
    await running.stop(ID, 0.01)
    assert hypervisor.calls == ["power button", "switch off"]


async def test_a_booting_guest_gets_the_power_button_again(
    running: LibvirtDriver, hypervisor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinstack.compute.drivers.libvirt.driver.PRESS_AGAIN_SECONDS", 0.01)
    hypervisor.deaf = True
    stopping = asyncio.create_task(running.stop(ID, 60))
    for _ in range(2):
        await hypervisor.pressed.acquire()
    hypervisor.deaf = False
    await stopping
    assert "switch off" not in hypervisor.calls and await running.power_state(ID) == SHUTDOWN


async def test_a_paused_guest_is_switched_off_at_once(running: LibvirtDriver, hypervisor: Any) -> None:
    await running.pause(ID)
    await running.stop(ID, 60)
    assert hypervisor.calls == ["pause", "switch off"]


async def test_a_soft_reboot_is_power_button_and_start(running: LibvirtDriver, hypervisor: Any) -> None:
    await running.reboot(ID, hard=False, seconds=60)
    assert hypervisor.calls == ["power button", "define", "start"]


async def test_a_hard_reboot_asks_nobody(running: LibvirtDriver, hypervisor: Any) -> None:
    await running.reboot(ID, hard=True, seconds=60)
    assert hypervisor.calls == ["switch off", "define", "start"]


async def test_a_reboot_of_a_suspended_guest_forgets_its_memory(running: LibvirtDriver, hypervisor: Any) -> None:
    await running.suspend(ID)
    await running.reboot(ID, hard=True, seconds=60)
    assert hypervisor.calls == ["save", "forget memory", "define", "start"]


async def test_a_guest_that_libvirt_has_lost_is_started_by_the_kept_xml(
    running: LibvirtDriver, hypervisor: Any
) -> None:
    hypervisor.domains.clear()
    await running.start(ID)
    assert await running.power_state(ID) == RUNNING


async def test_a_guest_that_was_never_there_is_said(driver: LibvirtDriver) -> None:
    for attempt in (driver.start(ID), driver.stop(ID, 1), driver.resume(ID), driver.diagnostics(ID)):
        with pytest.raises(DriverError, match=f"There is no guest {ID} on this host"):
            await attempt


async def test_suspend_and_resume_keep_the_memory(running: LibvirtDriver, hypervisor: Any) -> None:
    await running.suspend(ID)
    assert await running.power_state(ID) == SUSPENDED
    await running.resume(ID)
    await running.resume(ID)
    assert hypervisor.calls == ["save", "start"] and await running.power_state(ID) == RUNNING


async def test_pause_and_unpause(running: LibvirtDriver) -> None:
    await running.pause(ID)
    assert await running.power_state(ID) == PAUSED
    await running.unpause(ID)
    assert await running.power_state(ID) == RUNNING


async def test_a_guest_that_powers_itself_off_is_told(
    running: LibvirtDriver, hypervisor: Any, told: list[tuple[str, int]]
) -> None:
    hypervisor.heard(ID, SHUTDOWN)
    await asyncio.sleep(0)
    assert told == [(ID, SHUTDOWN)]


async def test_a_pause_and_its_end_are_told(
    running: LibvirtDriver, hypervisor: Any, told: list[tuple[str, int]]
) -> None:
    for state in (PAUSED, RUNNING, RUNNING):
        hypervisor.domains[ID][0] = state
        hypervisor.heard(ID, state)
        if running._waiting:
            await asyncio.gather(*running._waiting._tasks.values())
    await asyncio.sleep(0)
    assert told == [(ID, PAUSED), (ID, RUNNING)]


async def seen(driver: LibvirtDriver) -> list[tuple[int, str]]:
    return [(one.power_state, one.cause) for one in await driver.servers()]


async def test_a_guest_that_was_on_when_its_host_went_down_is_told_from_one_that_is_off(
    running: LibvirtDriver, hypervisor: Any, tmp_path: Path
) -> None:
    hypervisor.domains[ID][0] = SHUTDOWN
    assert await seen(running) == [(SHUTDOWN, "")]
    (tmp_path / "instances" / ID / "started").write_text("another boot")
    assert await seen(running) == [(SHUTDOWN, HOST_WENT_DOWN)]
    await running.start(ID)
    assert await seen(running) == [(RUNNING, "")]
    hypervisor.domains[ID][0] = CRASHED
    assert await seen(running) == [(CRASHED, DIED)]


async def test_a_guest_whose_domain_is_gone_is_off_and_can_be_started(running: LibvirtDriver, hypervisor: Any) -> None:
    hypervisor.domains.clear()
    assert await seen(running) == [(SHUTDOWN, LOST)]
    await running.start(ID)
    assert await seen(running) == [(RUNNING, "")]
    await running.remove(ID)
    assert await seen(running) == []


async def test_a_start_waits_for_the_taps_of_a_host_that_boots(
    running: LibvirtDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = [["tap1"], ["tap1"], []]
    monkeypatch.setattr("tinstack.compute.drivers.libvirt.nics.missing_taps", lambda domain: missing.pop(0))
    monkeypatch.setattr("tinstack.compute.drivers.libvirt.driver.TAPS_LOOK_SECONDS", 0)
    await running.stop(ID, 60)
    await running.start(ID)
    assert missing == [] and await running.power_state(ID) == RUNNING


async def test_what_was_commanded_or_is_not_ours_is_not_told(
    running: LibvirtDriver, hypervisor: Any, told: list[tuple[str, int]]
) -> None:
    hypervisor.heard(ID, RUNNING)
    await running.stop(ID, 60)
    hypervisor.heard("9d5f2a34-3c0e-4b5e-9a43-0242ac110002", SHUTDOWN)
    await asyncio.sleep(0)
    assert told == []


async def test_the_console_is_the_log_in_the_servers_folder(running: LibvirtDriver, tmp_path: Path) -> None:
    (tmp_path / "instances" / ID / "console.log").write_text("booting\nlogin:\n")
    assert await running.console_output(ID, 1) == "login:\n"


async def test_looking_at_the_guests_trims_their_logs(running: LibvirtDriver, tmp_path: Path) -> None:
    log = tmp_path / "instances" / ID / "console.log"
    log.write_bytes(b"x" * 79 + b"\n" + b"line\n" * (1 << 20))
    await running.servers()
    assert log.stat().st_size <= 1 << 20


async def test_the_facts_are_the_hosts(driver: LibvirtDriver) -> None:
    facts = await driver.facts()
    assert (facts.hypervisor_type, facts.vcpus, facts.ram_mib) == ("QEMU", 2, 2048)
    assert 0 < facts.free_disk_gib <= facts.disk_gib


async def test_an_id_is_no_path(driver: LibvirtDriver) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        await driver.remove("../../etc")


async def tried(driver: LibvirtDriver) -> None:
    """Nothing waits any more."""
    assert driver._waiting
    await asyncio.gather(*driver._waiting._tasks.values())


async def test_a_guest_that_waits_for_a_disk_goes_on_and_that_is_told(
    running: LibvirtDriver, hypervisor: Any, told: list[tuple[str, int]]
) -> None:
    hypervisor.waits[ID] = 1
    hypervisor.heard(ID, PAUSED)
    await tried(running)
    assert hypervisor.calls == ["go on"] and told == [(ID, RUNNING)]


async def test_a_report_finds_a_guest_that_waits_for_a_disk(
    running: LibvirtDriver, hypervisor: Any, told: list[tuple[str, int]]
) -> None:
    hypervisor.domains[ID][0] = PAUSED
    hypervisor.waits[ID] = 2
    await running.servers()
    await tried(running)
    assert hypervisor.calls == ["go on"] * 2 and told == [(ID, WAITS), (ID, PAUSED)]
