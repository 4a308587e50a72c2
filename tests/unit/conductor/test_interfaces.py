"""Ports plugged in and out: what heals by itself, and what is undone."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import msgspec

from tinstack.computedb import actions, instances
from tinstack.computedb.rows import Address, Instance
from tinstack.computedb.store import Begun
from tinstack.conductor import rpc
from tinstack.conductor.network_info import NetworkInfo
from tinstack.conductor.parts import Parts
from tinstack.conductor.rpc import RequestedPort
from tinstack.core.db import Transaction

from .conftest import Lab, eventually


async def attach(lab: Lab, server: Instance, **more: Any) -> str:
    """Ask for one more port; its id."""
    port = RequestedPort(id=str(uuid4()), network_id="net", ours=more.pop("ours", True))

    async def also(tx: Transaction, begun: Begun) -> None:
        await instances.write(tx, server.id, ports=[*begun.server.ports, port])

    await lab.act(server.id, "attach_interface", data={"port_id": port.id}, also=also)
    return port.id


async def settled(lab: Lab, server: Instance) -> Instance:
    """The server once nothing is under way."""
    async with asyncio.timeout(60):
        while True:
            if all(one.finished_at for one in await actions.of_server(lab.db, server.id)):
                return await lab.server(server.id)
            await asyncio.sleep(0.005)


def nics(lab: Lab, server: Instance) -> set[str]:
    return {nic.port_id for nic in lab.hosts[str(server.host)]._guests[server.id].nics}


async def test_a_port_is_plugged_in_and_known(lab: Lab) -> None:
    server = await lab.booted()
    port = await attach(lab, server)
    after = await settled(lab, server)
    assert {one.port_id for one in after.network_info} == {one.id for one in after.ports} == nics(lab, server)
    assert port in nics(lab, server) and after.vm_state == "active" and after.power_state == 1


async def test_the_next_agent_plugs_it_in(lab: Lab) -> None:
    server = await lab.booted(metadata={"tinstack:delay": "attach_interface:2000"})
    port = await attach(lab, server)
    await eventually(lambda: port in lab.cloud.ports)
    await lab.stop_agent(str(server.host))
    await lab.start_agent(str(server.host))
    assert port in {one.id for one in (await settled(lab, server)).ports}
    assert port in nics(lab, server)


async def test_what_could_not_be_plugged_in_is_undone(lab: Lab) -> None:
    server = await lab.booted(metadata={"tinstack:fault": "attach_interface:1"})
    port = await attach(lab, server)
    after = await settled(lab, server)
    assert port not in lab.cloud.ports and port not in {one.id for one in after.ports}
    assert after.vm_state == "active" and after.fault and "simulated fault" in after.fault.message
    assert (await actions.of_server(lab.db, server.id))[0].message == "Error"


async def test_undoing_waits_for_the_network_service(lab: Lab) -> None:
    server = await lab.booted()
    lab.cloud.broken.add("network")
    port = await attach(lab, server)
    await asyncio.sleep(0.5)
    assert port in {one.id for one in (await lab.server(server.id)).ports}
    lab.cloud.broken.clear()
    after = await settled(lab, server)
    assert port not in {one.id for one in after.ports} and port not in lab.cloud.ports


async def test_past_its_deadline_it_is_undone_without_its_host(lab: Lab) -> None:
    server = await lab.booted(metadata={"tinstack:delay": "attach_interface:60000"})
    lab.asked = msgspec.structs.replace(lab.asked, deadline_seconds=0.8)
    port = await attach(lab, server)
    await eventually(lambda: port in lab.cloud.ports)
    await lab.stop_agent(str(server.host))
    after = await settled(lab, server)
    assert after.vm_state == "active" and port not in {one.id for one in after.ports} and port not in lab.cloud.ports


async def test_a_given_port_is_unbound_and_anothers_left_alone(lab: Lab) -> None:
    server = await lab.booted()
    given, anothers = "given", "anothers"
    lab.cloud.ports[given] = {"id": given, "device_id": "", "status": "ACTIVE", "mac_address": "fa:16:3e:00:00:02"}
    lab.cloud.ports[given] |= {"network_id": "net", "fixed_ips": []}
    lab.cloud.ports[anothers] = {"id": anothers, "device_id": "another"}
    port = RequestedPort(id=given, network_id="net", ours=False)

    async def also(tx: Transaction, begun: Begun) -> None:
        await instances.write(tx, server.id, ports=[*begun.server.ports, port])

    await lab.act(server.id, "attach_interface", data={"port_id": given}, also=also)
    await settled(lab, server)
    assert lab.cloud.ports[given]["device_id"] == server.id
    await lab.act(server.id, "detach_interface", data={"port_id": given})
    await settled(lab, server)
    assert lab.cloud.ports[given]["device_id"] == "" and given not in nics(lab, server)
    await lab.act(server.id, "detach_interface", data={"port_id": anothers})
    await settled(lab, server)
    assert lab.cloud.ports[anothers]["device_id"] == "another"


async def test_a_detach_ends_once_the_port_can_be_cleared(lab: Lab) -> None:
    server = await lab.booted()
    [port] = server.ports
    lab.asked = msgspec.structs.replace(lab.asked, deadline_seconds=0.3)
    lab.cloud.broken.add("network")
    await lab.act(server.id, "detach_interface", data={"port_id": port.id})
    await eventually(lambda: not nics(lab, server))
    await asyncio.sleep(0.6)
    lab.cloud.broken.clear()
    after = await settled(lab, server)
    assert after.ports == after.network_info == [] and not lab.cloud.ports and after.vm_state == "active"


async def test_what_can_not_be_unplugged_stays(lab: Lab) -> None:
    server = await lab.booted(metadata={"tinstack:fault": "detach_interface:1"})
    [port] = server.ports
    await lab.act(server.id, "detach_interface", data={"port_id": port.id})
    after = await settled(lab, server)
    assert after.ports == [port] and port.id in nics(lab, server) and after.vm_state == "active"


async def test_a_port_that_is_gone_is_left_out_at_the_next_start(lab: Lab) -> None:
    server = await lab.booted()
    await lab.act(server.id, "stop")
    await lab.until(server.id, "stopped")

    async def forget(tx: Transaction) -> None:
        await instances.locked(tx, server.id)
        await instances.write(tx, server.id, ports=[])

    await lab.db.transact(forget)
    await lab.act(server.id, "start")
    await lab.until(server.id, "active")
    assert not nics(lab, server)


async def test_addresses_that_were_read_before_are_not_written_over_newer_ones(lab: Lab) -> None:
    server = await lab.booted()
    port = lab.cloud.ports[server.ports[0].id]
    lab.cloud.stuck["network"] = asyncio.Event()
    lab.cloud.waiting.clear()
    await lab.bus.cast(rpc.TOPIC, rpc.NetworkChanged(server_id=server.id))  # reads what there is, and is slow
    await eventually(lambda: lab.cloud.waiting["network"] >= 1)
    newer = [msgspec.structs.replace(server.network_info[0], addresses=[Address(ip="192.168.50.99", version=4)])]

    async def write(tx: Transaction) -> None:
        row = await instances.locked(tx, server.id)
        await instances.write(tx, row.id, network_info=newer)

    await lab.db.transact(write)
    port["fixed_ips"] = [{"subnet_id": "s", "ip_address": "192.168.50.99"}]
    port["mac_address"] = "fa:16:3e:00:00:99"
    lab.cloud.stuck.pop("network").set()
    async with asyncio.timeout(60):
        while (found := (await lab.server(server.id)).network_info[0]).mac != port["mac_address"]:
            assert [one.ip for one in found.addresses] == ["192.168.50.99"]
            await asyncio.sleep(0.005)
    assert [one.ip for one in found.addresses] == ["192.168.50.99"]


async def test_a_server_that_is_deleted_meanwhile_does_not_end_the_look_at_all(lab: Lab) -> None:
    info = NetworkInfo(cast(Parts, SimpleNamespace(db=lab.db)))
    server = await lab.booted()
    await lab.act(server.id, "delete")
    await lab.until(server.id, "deleted")
    assert await info._write(server.id, server.network_info, [])
