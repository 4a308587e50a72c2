"""The boot flow from step 7 on, and what undoes it."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from tinstack.api.config import Config as ApiConfig
from tinstack.api.metadata.guests import guest_of
from tinstack.compute.drivers.interface import Guest as DriverGuest
from tinstack.computedb import actions, fleet, quota_limits, store
from tinstack.conductor import over, rpc
from tinstack.core import guestdata
from tinstack.core.bus.interface import PREFETCH

from .conftest import Lab, eventually


async def steps_of(lab: Lab, server_id: str, least: int, twice: int | None = None) -> dict[int, list[str]]:
    """Step → outcomes, once ``least`` steps are there, and the step ``twice`` of two hosts."""
    async with asyncio.timeout(60):
        while True:
            events = await actions.trace(lab.db, server_id, None)
            both = twice is None or sum(event.step == twice for event in events) == 2
            if both and len({event.step for event in events}) >= least:
                break
            await asyncio.sleep(0.02)
    found: dict[int, list[str]] = {}
    for event in events:
        found.setdefault(event.step, []).append(event.outcome)
    return found


async def test_a_boot_reaches_active(lab: Lab) -> None:
    server = await lab.booted()
    assert server.host in ("compute1", "compute2")
    assert server.power_state == 1 and server.launched_at
    assert [address.ip for port in server.network_info for address in port.addresses] == ["192.168.50.10"]
    assert list(lab.cloud.allocations) == [server.id]
    steps = await steps_of(lab, server.id, 18)
    assert set(steps) == set(range(9, 30)) - {20, 23, 26}
    assert steps[25] == ["none"] and steps[19] == ["ok"]


async def test_a_failing_step_gives_error_and_leaves_nothing(lab: Lab) -> None:
    begun = await lab.create(metadata={"tinstack:fault": "28"})
    server = await lab.until(begun.server.id, "error")
    assert server.fault and server.fault.step == 28
    assert server.fault.message.count("Step 28 (render and start) failed on host compute") == 2
    assert server.host is None
    assert not lab.cloud.allocations and not lab.cloud.ports
    steps = await steps_of(lab, server.id, 15, twice=28)
    assert sorted(steps[28]) == ["failed", "retried"]
    action = (await actions.of_server(lab.db, server.id))[0]
    assert (action.action, action.message) == ("create", "Error")


async def test_another_host_is_tried(lab: Lab) -> None:
    server = await lab.booted(metadata={"tinstack:fault": "28:1"})
    assert server.fault is None
    steps = await steps_of(lab, server.id, 18)
    assert steps[28] == ["retried", "ok"]
    assert len(lab.cloud.ports) == 1


async def test_a_missing_image_is_not_tried_elsewhere(lab: Lab) -> None:
    begun = await lab.create(image_id="nothing")
    server = await lab.until(begun.server.id, "error")
    assert server.fault and "No image found" in server.fault.message
    assert not lab.cloud.allocations


async def test_no_host_with_room(lab: Lab) -> None:
    for inventory in lab.cloud.inventories.values():
        inventory["MEMORY_MB"]["reserved"] = inventory["MEMORY_MB"]["total"]
    begun = await lab.create()
    server = await lab.until(begun.server.id, "error")
    assert server.fault and server.fault.message.startswith("No valid host was found.")
    said = await actions.verdicts_of(lab.db, server.id)
    assert {one.host for one in said if not one.passed} == {"compute1", "compute2"}


async def test_delete_leaves_nothing(lab: Lab) -> None:
    server = await lab.booted()
    await lab.act(server.id, "delete")
    gone = await lab.until(server.id, "deleted")
    assert gone.deleted_at
    assert not lab.cloud.allocations and not lab.cloud.ports
    assert (await quota_limits.usage(lab.db, "project")).instances == 0


async def test_delete_of_a_server_in_error(lab: Lab) -> None:
    begun = await lab.create(image_id="nothing")
    await lab.until(begun.server.id, "error")
    await lab.act(begun.server.id, "delete")
    await lab.until(begun.server.id, "deleted")


async def test_delete_overtakes_a_boot(lab: Lab) -> None:
    begun = await lab.create(metadata={"tinstack:delay": "28:60000"})
    await lab.at(begun.server.id, "spawning")
    await lab.act(begun.server.id, "delete")
    await lab.until(begun.server.id, "deleted")
    assert not lab.cloud.allocations and not lab.cloud.ports


async def test_power(lab: Lab) -> None:
    server = await lab.booted()
    for kind, state, power in (
        ("stop", "stopped", 4),
        ("start", "active", 1),
        ("reboot", "active", 1),
        ("reboot_hard", "active", 1),
        ("pause", "paused", 3),
        ("unpause", "active", 1),
        ("suspend", "suspended", 7),
        ("resume", "active", 1),
    ):
        begun = await lab.act(server.id, kind)
        assert begun.server.task_state
        found = await lab.until(server.id, state)
        assert found.power_state == power, kind


async def test_a_lost_hint_is_made_up_for(lab: Lab) -> None:
    lab.asked = type(lab.asked)(request_id="", user_id="u", project_id="project", owner="api@x/1", lease_seconds=0.05)
    begun = await lab.create(hint=False)
    await lab.until(begun.server.id, "active")


async def test_every_message_twice_boots_once(lab: Lab) -> None:
    lab.hub.fault = lambda topic, envelope: (2, 0.0)
    begun = await lab.create()
    server = await lab.until(begun.server.id, "active")
    lab.hub.fault = None
    steps = await steps_of(lab, server.id, 18)
    assert len(lab.cloud.ports) == 1 and len(lab.cloud.allocations) == 1
    assert "failed" not in {outcome for outcomes in steps.values() for outcome in outcomes if outcomes is not steps[9]}


async def test_many_at_once(lab: Lab) -> None:
    begun = await asyncio.gather(*(lab.create() for _ in range(20)))
    servers = await asyncio.gather(*(lab.until(one.server.id, "active") for one in begun))
    assert {server.host for server in servers} == {"compute1", "compute2"}
    assert lab.cloud.downloads == 2
    for server in servers:
        await lab.act(server.id, "delete")
    await asyncio.gather(*(lab.until(one.server.id, "deleted") for one in begun))
    assert not lab.cloud.allocations and not lab.cloud.ports


async def test_a_guest_that_halts_is_shutoff(lab: Lab) -> None:
    server = await lab.booted()
    assert server.host
    await lab.hosts[server.host].halt(server.id)
    stopped = await lab.until(server.id, "stopped")
    assert stopped.power_state == 4


async def test_a_claim_without_a_server_is_swept(lab: Lab) -> None:
    provider = next(iter(lab.cloud.inventories))
    lab.cloud.allocations["nobody"] = {provider: {"VCPU": 1}}
    await eventually(lambda: not lab.cloud.allocations)


async def test_services_say_that_they_live(lab: Lab) -> None:
    async with asyncio.timeout(60):
        while True:
            known = {(service.host, service.binary) for service in await fleet.all_services(lab.db)}
            if len(known) == 4:
                break
            await asyncio.sleep(0.02)
    assert known == {
        ("controller", "nova-conductor"),
        ("controller", "nova-scheduler"),
        ("compute1", "nova-compute"),
        ("compute2", "nova-compute"),
    }


async def test_the_config_drive_says_what_the_metadata_service_says(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    spawned = []
    for driver in lab.hosts.values():

        async def spawn(guest: DriverGuest, own: Any = driver.spawn) -> None:
            spawned.append(guest)
            await own(guest)

        monkeypatch.setattr(driver, "spawn", spawn)
    server = await lab.booted(config_drive=True, launch_index=1, reservation_id="r-2", security_groups=["web"])
    drive = spawned[0].config_drive
    assert drive
    guest = guest_of(server, msgspec.convert({"auth": {"auth_url": ""}}, ApiConfig))
    told = guestdata.meta_data(guest, b"")
    said = json.loads(drive["openstack/latest/meta_data.json"])
    assert told.pop("random_seed") != said.pop("random_seed")
    assert said == told and said["hostname"] == "one.novalocal"
    assert json.loads(drive["ec2/latest/meta-data.json"]) == guestdata.ec2_meta_data(guest)


async def test_a_second_host_gives_addresses_of_its_own(lab: Lab) -> None:
    server = await lab.booted(metadata={"tinstack:fault": "28:1", "tinstack:delay": "28:100"})
    [port] = [one for one in lab.cloud.ports.values() if one["device_id"] == server.id]
    [info] = server.network_info
    assert info.port_id == port["id"] and info.mac == port["mac_address"]
    assert [one.ip for one in info.addresses] == [one["ip_address"] for one in port["fixed_ips"]]


async def test_an_undo_that_outlasts_its_lease_is_done_once(lab: Lab) -> None:
    lab.cloud.slow["network"] = 1.0
    server = await lab.booted(metadata={"tinstack:fault": "28:1"})
    await asyncio.sleep(1.5)
    assert server.id in lab.cloud.allocations
    assert [one["device_id"] for one in lab.cloud.ports.values()] == [server.id]


async def test_launches_that_wait_for_a_slow_service_keep_nobody_waiting(lab: Lab) -> None:
    """The volume service takes its time with each of 100 launches: other messages are taken meanwhile."""
    other = await lab.booted()
    volumes = [lab.cloud.volumes.add(str(number)) for number in range(100)]
    lab.cloud.stuck["volume"] = asyncio.Event()
    wanted = [
        rpc.RequestedVolume(attachment_id=str(uuid4()), source="volume", volume_id=volume, source_id=volume)
        for volume in volumes
    ]
    begun = await asyncio.gather(*(lab.create(volumes=[volume]) for volume in wanted))
    await eventually(lambda: lab.cloud.waiting["volume"] >= PREFETCH)
    await lab.act(other.id, "stop")
    await lab.until(other.id, "stopped")
    assert not [one for one in begun if (await lab.server(one.server.id)).vm_state == "active"]
    lab.cloud.stuck.pop("volume").set()


async def test_a_typo_in_what_shall_fail_is_told(lab: Lab) -> None:
    begun = await lab.create(metadata={"tinstack:fault": "spwan"})
    server = await lab.until(begun.server.id, "error")
    assert server.fault and "The metadata item tinstack:fault is 'spwan', but must be" in server.fault.message
    await lab.act(server.id, "delete")
    await lab.until(server.id, "deleted")


async def test_an_operation_under_way_without_a_task_state_is_named(lab: Lab) -> None:
    server = await lab.booted(metadata={"tinstack:delay": "attach_volume:60000"})
    await store.start_operation(lab.db, server.id, "attach_volume", lab._asked())
    with pytest.raises(store.Busy, match=f"'detach_volume' instance {server.id} while its attach_volume is under way"):
        await store.start_operation(lab.db, server.id, "detach_volume", lab._asked())


async def test_launches_that_identity_is_not_told_of_are_counted_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    told: Any = None
    ends = over.Over(told)
    for number in range(over.KEEP + over.MANY):
        ends.note_server(str(number))
    said = [record.getMessage() for record in caplog.records]
    assert len(ends._waiting) == over.KEEP and ends._waiting[-1] == str(over.KEEP + over.MANY - 1)
    assert len(said) == 2 and said[-1].startswith(f"identity is not told that {over.MANY} launches are over")
