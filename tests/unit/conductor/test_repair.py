"""What heals by itself: lost messages, dead processes, services that are away, hosts that don't come back."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import msgspec
import pytest

from tinstack.computedb import fleet, groups, instances
from tinstack.computedb.groups import ServerGroup
from tinstack.conductor import rpc
from tinstack.conductor.remote import Remote
from tinstack.core import bus as buses
from tinstack.core.bus import Envelope, RemoteFailure
from tinstack.core.client import Session
from tinstack.core.clock import now_us
from tinstack.core.config import AuthConfig, BusConfig

from .conftest import Lab, eventually


def losing(lab: Lab, name: str, times: int) -> None:
    """The next ``times`` messages of that name are lost."""
    left = [times]

    def fault(topic: str, envelope: Envelope) -> tuple[int, float]:
        if envelope.name == name and left[0]:
            left[0] -= 1
            return 0, 0.0
        return 1, 0.0

    lab.hub.fault = fault


@pytest.mark.parametrize("name", ["Look", "SelectHost"])
async def test_a_lost_cast_is_made_up_for(lab: Lab, name: str) -> None:
    losing(lab, name, 1)
    lab.asked = type(lab.asked)(
        request_id="", user_id="user", project_id="project", owner="api@controller/1", lease_seconds=0.2
    )
    begun = await lab.create(hint=False)
    await lab.until(begun.server.id, "active")
    assert len(lab.cloud.ports) == 1 and len(lab.cloud.allocations) == 1


async def test_a_lost_look_of_an_action_is_made_up_for(lab: Lab) -> None:
    server = await lab.booted()
    losing(lab, "Look", 1)
    lab.asked = type(lab.asked)(
        request_id="", user_id="user", project_id="project", owner="api@controller/1", lease_seconds=0.1
    )
    await lab.act(server.id, "stop")
    await lab.until(server.id, "stopped")


async def test_the_next_agent_continues_a_boot(lab: Lab) -> None:
    begun = await lab.create(metadata={"tinstack:delay": "28:2000"})
    server = await lab.at(begun.server.id, "spawning")
    assert server.host
    await lab.stop_agent(server.host)
    await lab.start_agent(server.host)
    found = await lab.until(server.id, "active")
    assert found.host == server.host
    assert len(lab.cloud.ports) == 1


async def test_guests_are_there_after_a_restart_of_the_agent(lab: Lab) -> None:
    server = await lab.booted()
    assert server.host
    await lab.stop_agent(server.host)
    await lab.start_agent(server.host)
    await lab.act(server.id, "stop")
    await lab.until(server.id, "stopped")


async def test_a_boot_on_a_host_that_died_before_it_took_it_goes_elsewhere(lab: Lab) -> None:
    await asyncio.gather(lab.stop_agent("compute1"), lab.stop_agent("compute2"))
    lab.asked = type(lab.asked)(request_id="", user_id="user", project_id="project", owner="api@controller/1")
    begun = await lab.create()
    async with asyncio.timeout(60):
        while True:
            host = (await lab.server(begun.server.id)).host
            if host:
                break
            await asyncio.sleep(0.005)
    dead = next(one for one in await fleet.all_services(lab.db) if one.host == host)
    dead.forced_down = True
    await fleet.switch(lab.db, dead, now_us())
    other = "compute2" if host == "compute1" else "compute1"
    await lab.start_agent(other)
    server = await lab.until(begun.server.id, "active")
    assert server.host == other
    assert set(lab.cloud.allocations) == {server.id}


async def test_past_its_deadline_a_server_is_in_error_and_keeps_its_claim(lab: Lab) -> None:
    lab.asked = type(lab.asked)(
        request_id="", user_id="user", project_id="project", owner="api@controller/1", deadline_seconds=0.8
    )
    begun = await lab.create(metadata={"tinstack:delay": "28:60000"})
    spawning = await lab.at(begun.server.id, "spawning")
    assert spawning.host
    await lab.stop_agent(spawning.host)
    server = await lab.until(begun.server.id, "error")
    assert server.fault and server.fault.host == spawning.host and server.fault.step == 28
    assert "deadline" in server.fault.message
    assert list(lab.cloud.allocations) == [server.id]


async def test_an_undo_that_outlasts_the_deadline_shows_the_fault_and_goes_on(lab: Lab) -> None:
    """The server does not stay in its task state while a service is away; what it has is given back once that is there again."""
    lab.asked = type(lab.asked)(
        request_id="", user_id="user", project_id="project", owner="api@controller/1", deadline_seconds=3.0
    )
    begun = await lab.create(metadata={"tinstack:delay": "28:1500", "tinstack:fault": "28"})
    await lab.at(begun.server.id, "spawning")
    lab.cloud.broken.add("network")
    server = await lab.until(begun.server.id, "error")
    assert server.fault and server.fault.step == 28 and server.host and server.host in server.fault.message
    assert list(lab.cloud.allocations) == [server.id]
    lab.cloud.broken.clear()
    await eventually(lambda: not lab.cloud.allocations and not lab.cloud.ports)
    async with asyncio.timeout(60):
        while True:
            server = await lab.server(server.id)
            if server.host is None:
                break
            await asyncio.sleep(0.01)
    assert server.vm_state == "error" and server.fault


async def test_a_host_is_sold_as_soon_as_placement_is_there(lab: Lab) -> None:
    """Not only with its next report: until then the host is up, but has no room."""
    await asyncio.gather(lab.stop_agent("compute1"), lab.stop_agent("compute2"))
    lab.cloud.broken.add("placement")
    configs = lab._configs
    for host in ("compute1", "compute2"):
        configs[host].report_seconds, configs[host].simulated_vcpus = 3600.0, 7
        await lab.start_agent(host)
    await asyncio.sleep(0.2)
    lab.cloud.broken.clear()
    await eventually(lambda: [one["VCPU"]["total"] for one in lab.cloud.inventories.values()] == [7, 7], 3.0)


async def test_a_delete_waits_for_services_that_are_away(lab: Lab) -> None:
    server = await lab.booted()
    lab.cloud.broken.add("network")
    await lab.act(server.id, "delete")
    await asyncio.sleep(0.3)
    assert (await lab.server(server.id)).task_state == "deleting"
    assert list(lab.cloud.allocations) == [server.id]
    lab.cloud.broken.clear()
    await lab.until(server.id, "deleted")
    assert not lab.cloud.allocations and not lab.cloud.ports


async def test_placement_away_for_a_moment_fails_no_boot(lab: Lab) -> None:
    lab.cloud.broken.add("placement")
    begun = await lab.create()
    await asyncio.sleep(0.1)
    lab.cloud.broken.clear()
    await lab.until(begun.server.id, "active")


async def test_another_host_is_refused(lab: Lab) -> None:
    begun = await lab.create(metadata={"tinstack:delay": "28:60000"})
    server = await lab.at(begun.server.id, "spawning")
    other = "compute2" if server.host == "compute1" else "compute1"
    await lab.stop_agent(other)
    thief = buses.connect(BusConfig(side="host"), f"compute.{other}", lab.hub)
    await thief.open()
    ask = rpc.AskServer(
        server_id=server.id,
        operation_id=begun.operation.id,
        generation=begun.operation.generation,
        owner=f"compute@{other}/1",
    )
    with pytest.raises(RemoteFailure) as refused:
        await thief.call(rpc.TOPIC, ask, rpc.ServerDetails)
    assert refused.value.remote_status == 403
    lie = rpc.AskServer(
        **{name: getattr(ask, name) for name in ask.__struct_fields__} | {"owner": f"compute@{server.host}/1"}
    )
    with pytest.raises(RemoteFailure) as refused:
        await thief.call(rpc.TOPIC, lie, rpc.ServerDetails)
    assert refused.value.remote_status == 403
    report = rpc.SchedulingFailed(operation_id=begun.operation.id, owner="x", step=10, reason="", verdicts=[])
    with pytest.raises(RemoteFailure) as refused:
        await thief.call(rpc.TOPIC, report, rpc.Done)
    assert refused.value.remote_status == 403
    await thief.close()


async def test_anti_affinity_holds_when_members_come_at_once(lab: Lab) -> None:
    group = ServerGroup(
        id=str(uuid4()), project_id="project", user_id="u", name="g", policy="anti-affinity", created_at=1
    )
    await groups.insert_group(lab.db, group, -1)
    begun = await asyncio.gather(*(lab.create(server_group=group.id) for _ in range(3)))
    ids = [one.server.id for one in begun]
    states: list[str] = []
    async with asyncio.timeout(60):
        while len(states) < 3:
            rows = [await lab.server(id) for id in ids]
            states = [row.vm_state for row in rows if row.vm_state in ("active", "error")]
            await asyncio.sleep(0.01)
    assert sorted(states) == ["active", "active", "error"]
    assert await instances.group_per_host(lab.db, group.id) == {"compute1": 1, "compute2": 1}
    await eventually(lambda: len(lab.cloud.allocations) == 2)


async def test_what_came_after_a_delete_is_swept(lab: Lab) -> None:
    """A request that a service was too slow to take: claim, port and attachment of a server that is gone."""
    gone, stays = await lab.booted(), await lab.booted()
    port, claim = lab.cloud.ports[gone.ports[0].id], lab.cloud.allocations[gone.id]
    await lab.act(gone.id, "delete")
    await lab.until(gone.id, "deleted")
    lab.cloud.ports[port["id"]], lab.cloud.allocations[gone.id] = port, claim
    lab.cloud.ports["foreign"] = port | {"id": "foreign", "device_id": "not-a-server"}
    lab.cloud.volumes.attachments["late"] = {
        "id": "late",
        "volume_id": lab.cloud.volumes.add("late"),
        "instance": gone.id,
    }
    await eventually(
        lambda: set(lab.cloud.ports) == {"foreign", stays.ports[0].id} and not lab.cloud.volumes.attachments
    )
    await eventually(lambda: set(lab.cloud.allocations) == {stays.id})


async def test_a_guest_of_a_deleted_server_is_removed_from_its_host(lab: Lab) -> None:
    gone, stays = await lab.booted(), await lab.booted()
    assert gone.host and stays.host
    kept = lab.hosts[gone.host]._file(gone.id).read_bytes()
    await lab.act(gone.id, "delete")
    await lab.until(gone.id, "deleted")
    await lab.stop_agent(gone.host)
    lab.hosts[gone.host]._file(gone.id).write_bytes(kept)
    await lab.start_agent(gone.host)
    driver = lab.hosts[gone.host]
    assert [one.id for one in await driver.servers() if one.id == gone.id]
    async with asyncio.timeout(60):
        while True:
            if await driver.power_state(gone.id) is None:
                break
            await asyncio.sleep(0.01)
    assert not driver._file(gone.id).exists()
    assert await lab.hosts[stays.host].power_state(stays.id) == 1


async def test_what_tenants_write_into_ports_is_no_path(lab: Lab) -> None:
    server = await lab.booted()
    for number, id in enumerate(("", f"{server.id}?a", "../x", server.id.upper())):
        lab.cloud.ports[str(number)] = {
            "id": str(number),
            "device_id": id,
            "device_owner": "compute:x",
            "revision_number": 1,
        }
    lab.cloud.allocations["11111111-2222-3333-4444-555555555555"] = lab.cloud.allocations[server.id]
    await eventually(lambda: "11111111-2222-3333-4444-555555555555" not in lab.cloud.allocations)
    assert server.id in lab.cloud.allocations


async def test_a_claim_on_another_host_than_its_servers_is_put_right(lab: Lab) -> None:
    server = await lab.booted()
    assert server.host
    right, other = (
        rpc.provider_of(server.host),
        rpc.provider_of("compute2" if server.host == "compute1" else "compute1"),
    )
    claim = lab.cloud.allocations[server.id]
    lab.cloud.allocations[server.id] = {other: claim[right]}
    await eventually(lambda: lab.cloud.allocations.get(server.id) == claim)
    lab.cloud.allocations[server.id] = {**claim, other: claim[right]}
    await eventually(lambda: lab.cloud.allocations.get(server.id) == claim)


async def test_a_running_server_without_a_claim_gets_it_again(lab: Lab) -> None:
    server = await lab.booted()
    claim = lab.cloud.allocations.pop(server.id)
    await eventually(lambda: lab.cloud.allocations.get(server.id) == claim)


async def test_a_claim_of_a_server_without_a_host_is_given_back(lab: Lab) -> None:
    begun = await lab.create(metadata={"tinstack:fault": "28"})
    server = await lab.until(begun.server.id, "error")
    assert server.host is None and not lab.cloud.allocations
    lab.cloud.allocations[server.id] = {rpc.provider_of("compute1"): {"VCPU": 1}}
    await eventually(lambda: not lab.cloud.allocations)


async def test_another_attempt_at_a_boot_has_ports_and_attachments_of_its_own(lab: Lab) -> None:
    """So that whoever clears the last attempt late meets nothing of the next."""
    begun = await lab.create(metadata={"tinstack:fault": "28:1"})
    server = await lab.until(begun.server.id, "active")
    assert set(lab.cloud.ports) == {port.id for port in server.ports}
    assert server.ports[0].id != begun.server.ports[0].id


@pytest.fixture
async def remote(lab: Lab) -> AsyncIterator[Remote]:
    """Another conductor's requests."""
    session = Session(AuthConfig(auth_url=f"{lab.cloud.url}/v3", username="conductor"))
    yield Remote(session)
    await session.close()


async def test_a_host_without_claims_is_not_asked_again_before_there_is_one(
    lab: Lab, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = remote.claims._consumers_of

    async def noted(provider: str) -> set[str]:
        asked.append(provider)
        return await ask(provider)

    monkeypatch.setattr(remote.claims, "_consumers_of", noted)
    server = await lab.booted()
    assert server.host
    full = rpc.provider_of(server.host)
    empty = rpc.provider_of("compute2" if server.host == "compute1" else "compute1")
    for _ in range(3):
        assert await remote.claims.consumers([full, empty]) == {server.id: {full}}
    assert sorted(asked) == sorted([empty, full, full, full])
    lab.cloud.allocations[server.id] |= {empty: {"VCPU": 1}}
    assert await remote.claims.consumers([full, empty]) == {server.id: {full, empty}}
    assert await remote.claims.consumers([full]) == {server.id: {full}}


class Late(Exception):
    """What a fence raises once another has the operation."""


def frozen(meanwhile: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    """The fence of a conductor that stands still right after it was passed, while that happens; then it is not passed any more."""
    asked = itertools.count()

    async def fence() -> None:
        if next(asked):
            raise Late
        meanwhile()

    return fence


async def test_a_conductor_that_stood_still_leaves_the_claim_of_the_next_attempt(lab: Lab, remote: Remote) -> None:
    server = await lab.booted()

    def next_attempt() -> None:
        lab.cloud.generations[server.id] = next(lab.cloud.numbers)

    with pytest.raises(Late):
        await remote.claims.give_back(server.id, frozen(next_attempt))
    assert server.id in lab.cloud.allocations


async def test_a_conductor_that_stood_still_leaves_a_port_that_is_bound_again(lab: Lab, remote: Remote) -> None:
    server = await lab.booted()
    port = lab.cloud.ports[server.ports[0].id]
    given = msgspec.structs.replace(server, ports=[msgspec.structs.replace(server.ports[0], ours=False)])

    def next_attempt() -> None:
        port["revision_number"] = next(lab.cloud.numbers)

    with pytest.raises(Late):
        await remote.clear(given, frozen(next_attempt), gone=False)
    assert port["device_id"] == server.id
