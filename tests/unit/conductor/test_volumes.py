"""Volumes of servers: what heals by itself, and what is undone."""

import asyncio
from typing import Any
from uuid import uuid4

import msgspec

from tinstack.computedb import actions, instances
from tinstack.computedb.rows import Instance
from tinstack.computedb.store import Begun
from tinstack.conductor.rpc import RequestedVolume
from tinstack.core.db import Transaction

from .conftest import Lab, eventually


def requested(source: str = "volume", **more: Any) -> RequestedVolume:
    return RequestedVolume(
        attachment_id=str(uuid4()), source=source, volume_id=str(uuid4()), device="/dev/vdb", size_gib=1, **more
    )


async def attach(lab: Lab, server: Instance, status: str = "available") -> RequestedVolume:
    """Ask for one more volume, as the api does that dies before it has reserved it."""
    volume = requested()
    lab.cloud.volumes.add(str(volume.volume_id), status)

    async def also(tx: Transaction, begun: Begun) -> None:
        await instances.write(tx, server.id, volumes=[*begun.server.volumes, volume])

    await lab.act(server.id, "attach_volume", data=_data(volume), also=also)
    return volume


async def detach(lab: Lab, server: Instance, volume: RequestedVolume) -> None:
    lab.cloud.volumes.rows[str(volume.volume_id)]["status"] = "detaching"
    await lab.act(server.id, "detach_volume", data=_data(volume))


def _data(volume: RequestedVolume) -> dict[str, Any]:
    return {"volume_id": volume.volume_id, "attachment_id": volume.attachment_id}


async def settled(lab: Lab, server: Instance) -> Instance:
    """The server once nothing is under way."""
    async with asyncio.timeout(60):
        while True:
            if all(one.finished_at for one in await actions.of_server(lab.db, server.id)):
                return await lab.server(server.id)
            await asyncio.sleep(0.005)


def disks(lab: Lab, server: Instance) -> set[str]:
    return {disk.volume_id for disk in lab.hosts[str(server.host)]._guests[server.id].disks}


def status(lab: Lab, volume: RequestedVolume) -> str:
    return str(lab.cloud.volumes.rows[str(volume.volume_id)]["status"])


async def test_a_volume_is_reserved_by_who_goes_on_and_attached(lab: Lab) -> None:
    server = await lab.booted()
    volume = await attach(lab, server)
    after = await settled(lab, server)
    assert after.volumes == [volume] and disks(lab, server) == {volume.volume_id}
    assert status(lab, volume) == "in-use" and after.vm_state == "active"
    await detach(lab, server, volume)
    after = await settled(lab, server)
    assert after.volumes == [] and not disks(lab, server) and not lab.cloud.volumes.attachments
    assert status(lab, volume) == "available"


async def test_a_volume_that_can_not_be_reserved_is_forgotten(lab: Lab) -> None:
    server = await lab.booted()
    volume = await attach(lab, server, "error")
    after = await settled(lab, server)
    assert after.volumes == [] and not disks(lab, server) and not lab.cloud.volumes.attachments
    assert after.fault and after.fault.code == 400 and "not available" in after.fault.message
    assert status(lab, volume) == "error" and after.vm_state == "active"


async def test_the_next_agent_attaches_it(lab: Lab) -> None:
    server = await lab.booted(metadata={"tinstack:delay": "attach_volume:2000"})
    volume = await attach(lab, server)
    await eventually(lambda: any("connection_info" in one for one in lab.cloud.volumes.attachments.values()))
    await lab.stop_agent(str(server.host))
    await lab.start_agent(str(server.host))
    assert (await settled(lab, server)).volumes == [volume]
    assert disks(lab, server) == {volume.volume_id} and status(lab, volume) == "in-use"


async def test_what_could_not_be_attached_is_free_once_the_volume_service_answers(lab: Lab) -> None:
    server = await lab.booted(metadata={"tinstack:fault": "attach_volume:1", "tinstack:delay": "attach_volume:1000"})
    volume = await attach(lab, server)
    await eventually(lambda: bool(lab.cloud.volumes.attachments))
    lab.cloud.broken.add("volume")
    await asyncio.sleep(1.6)
    assert lab.cloud.volumes.attachments and (await lab.server(server.id)).volumes == [volume]
    lab.cloud.broken.clear()
    after = await settled(lab, server)
    assert after.volumes == [] and not lab.cloud.volumes.attachments and status(lab, volume) == "available"


async def test_what_could_not_be_detached_is_in_use_again(lab: Lab) -> None:
    server = await lab.booted(metadata={"tinstack:fault": "detach_volume:1"})
    volume = await attach(lab, server)
    await settled(lab, server)
    await detach(lab, server, volume)
    after = await settled(lab, server)
    assert after.volumes == [volume] and disks(lab, server) == {volume.volume_id}
    assert status(lab, volume) == "in-use" and after.vm_state == "active"


async def test_past_its_deadline_an_attachment_is_undone_without_its_host(lab: Lab) -> None:
    server = await lab.booted(metadata={"tinstack:delay": "attach_volume:60000"})
    lab.asked = msgspec.structs.replace(lab.asked, deadline_seconds=0.8)
    volume = await attach(lab, server)
    await eventually(lambda: bool(lab.cloud.volumes.attachments))
    await lab.stop_agent(str(server.host))
    after = await settled(lab, server)
    assert after.volumes == [] and status(lab, volume) == "available" and after.vm_state == "active"


async def test_a_boot_waits_for_the_volumes_that_are_made_for_it(lab: Lab) -> None:
    lab.cloud.volumes.slow = 3
    volume = requested("image", source_id="tiny", boot_index=0)
    server = await lab.booted(image_id=None, volumes=[volume])
    asked = lab.cloud.volumes.rows[str(volume.volume_id)]["asked"]
    assert (asked["imageRef"], asked["project_id"], asked["user_id"]) == ("tiny", server.project_id, server.user_id)
    assert disks(lab, server) == {volume.volume_id} and status(lab, volume) == "in-use"


async def test_a_volume_that_could_not_be_made_ends_the_boot_and_goes(lab: Lab) -> None:
    lab.cloud.volumes.fails = True
    begun = await lab.create(image_id=None, volumes=[requested("blank")])
    server = await lab.until(begun.server.id, "error")
    assert server.fault and server.fault.step == 25 and "status error" in server.fault.message
    assert server.volumes == [] and not lab.cloud.volumes.rows and not lab.cloud.allocations


async def test_a_delete_waits_for_a_volume_that_is_being_made(lab: Lab) -> None:
    lab.cloud.volumes.slow = 8
    volume = requested("blank", delete_on_termination=True)
    begun = await lab.create(image_id=None, volumes=[volume])
    await eventually(lambda: bool(lab.cloud.volumes.rows))
    await lab.act(begun.server.id, "delete")
    await lab.until(begun.server.id, "deleted")
    assert not lab.cloud.volumes.rows and not lab.cloud.volumes.attachments


async def test_another_host_takes_the_volumes_of_the_one_that_failed(lab: Lab) -> None:
    volume = requested("blank", boot_index=0)
    server = await lab.booted(image_id=None, volumes=[volume], metadata={"tinstack:fault": "28:1"})
    assert list(lab.cloud.volumes.rows) == [volume.volume_id] and status(lab, volume) == "in-use"
    assert disks(lab, server) == {volume.volume_id}
