"""Decisions: what is held in memory may be old, and still nobody is refused who has room."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from tinstack.compute import rpc as compute
from tinstack.conductor.rpc import (
    AskHosts,
    AssignHost,
    BeginScheduling,
    Done,
    Hosts,
    HostState,
    SchedulingFailed,
    SchedulingRequest,
)
from tinstack.core.bus import Envelope
from tinstack.core.config import AuthConfig
from tinstack.core.trace import Tracer
from tinstack.scheduler import view as views
from tinstack.scheduler.claims import resources_of
from tinstack.scheduler.config import Config
from tinstack.scheduler.filters import DETAILED, kept, passing
from tinstack.scheduler.rpc import SelectHost
from tinstack.scheduler.scheduling import Scheduler
from tinstack.scheduler.view import View
from turns import turns

RAM = 64


def host(name: str, **more: Any) -> HostState:
    facts: dict[str, Any] = {"up": True, "enabled": True, "zone": "nova", "hypervisor_type": "fake"}
    facts |= {"vcpus": 64, "ram_mib": 4096, "disk_gib": 100}
    return HostState(host=name, provider=f"rp-{name}", **{**facts, **more})


def request(id: str = "s", **more: Any) -> SchedulingRequest:
    return SchedulingRequest(server_id=id, project_id="p", kind="boot", vcpus=1, ram_mib=RAM, disk_gib=1, **more)


class Placement:
    """Sells slots of one server each. ``free``: by provider."""

    def __init__(self, **free: int) -> None:
        self.free = {f"rp-{name}": number for name, number in free.items()}
        self.asked = 0

    async def providers_with_room(self, wanted: Any) -> set[str]:
        self.asked += 1
        found = {provider for provider, number in self.free.items() if number > 0}
        await asyncio.sleep(0)
        return found

    async def claim(self, request: SchedulingRequest, provider: str, until: float) -> bool:
        await asyncio.sleep(0)
        if self.free[provider] <= 0:
            return False
        self.free[provider] -= 1
        return True


class Conductor:
    """The bus, and what answers on it."""

    def __init__(self, hosts: list[HostState]) -> None:
        self.hosts, self.asked = hosts, 0
        self.placed: dict[str, str] = {}
        self.owners: list[str] = []
        self.failed: dict[str, str] = {}

    async def call(self, topic: str, message: Any, answer: Any, seconds: float = 0) -> Any:
        await asyncio.sleep(0)
        if isinstance(message, BeginScheduling):
            self.owners.append(message.owner)
            return request(message.operation_id)
        if isinstance(message, AskHosts):
            self.asked += 1
            return Hosts(hosts=list(self.hosts))
        if isinstance(message, AssignHost):
            self.placed[message.operation_id] = message.host
        if isinstance(message, SchedulingFailed):
            self.failed[message.operation_id] = message.reason
        return Done()

    async def cast(self, topic: str, message: Any) -> None:
        assert not isinstance(message, compute.Look) or topic.startswith("compute.")


async def boot(scheduler: Scheduler, *ids: str) -> None:
    envelope = Envelope(name="SelectHost", id="1", request_id="-")
    for id in ids:
        await scheduler.select_host(SelectHost(server_id=id, operation_id=id, generation=1), envelope)
    await scheduler.stop()


def scheduler_of(conductor: Conductor, placement: Placement, seconds: float = 60.0) -> Scheduler:
    config = Config(auth=AuthConfig(auth_url=""), hosts_seconds=seconds)
    bus: Any = conductor
    claims: Any = placement
    return Scheduler(config, bus, claims, Tracer(bus, "scheduler", "here"))


async def test_a_burst_asks_once_and_is_spread():
    conductor, placement = Conductor([host("a"), host("b")]), Placement(a=9, b=9)
    await boot(scheduler_of(conductor, placement), *"123456")
    assert sorted(conductor.placed.values()) == list("aaabbb")
    assert (conductor.asked, placement.asked) == (1, 1)


async def test_what_was_freed_meanwhile_is_found_although_the_view_is_old():
    conductor, placement = Conductor([host("a")]), Placement(a=1)
    scheduler = scheduler_of(conductor, placement)
    await boot(scheduler, "1", "2")
    assert list(conductor.placed) == ["1"]
    assert conductor.failed["2"].startswith("No valid host was found. a: it has not enough free")
    placement.free["rp-a"] += 1
    await boot(scheduler, "3")
    assert list(conductor.placed) == ["1", "3"]


async def test_a_host_that_came_up_meanwhile_is_found_although_the_view_is_old():
    conductor, placement = Conductor([host("a", up=False)]), Placement(a=1)
    scheduler = scheduler_of(conductor, placement)
    await boot(scheduler, "1")
    assert conductor.failed["1"].startswith("No valid host was found. a: its compute service is down.")
    conductor.hosts = [host("a")]
    await boot(scheduler, "2")
    assert conductor.placed == {"2": "a"}


@pytest.mark.parametrize("slots", [1, 7, 30])
async def test_more_ask_than_fit_on_hosts_that_look_free(slots):
    names = [f"h{number}" for number in range(slots)]
    conductor, placement = Conductor([host(name) for name in names]), Placement(**dict.fromkeys(names, 1))
    scheduler = scheduler_of(conductor, placement)
    await boot(scheduler, *(str(number) for number in range(slots + 5)))
    assert len(conductor.placed) == len(set(conductor.placed.values())) == slots
    assert len(conductor.failed) == 5


async def test_the_view_is_asked_for_once_by_all_who_wait():
    conductor, placement = Conductor([host("a")]), Placement(a=1)

    async def hosts() -> list[HostState]:
        return (await conductor.call("", AskHosts(), Hosts)).hosts

    view = View(hosts, placement.providers_with_room, 60.0)
    await asyncio.gather(*(view.look(request()) for _ in range(5)))
    assert (conductor.asked, placement.asked) == (1, 1)
    await asyncio.gather(*(view.look(request(), fresh=True) for _ in range(5)))
    assert (conductor.asked, placement.asked) == (2, 2)
    view.full("rp-a", request())
    assert (await view.look(request()))[1] == set()
    other = SchedulingRequest(server_id="s", project_id="p", kind="boot", vcpus=2, ram_mib=RAM, disk_gib=1)
    assert resources_of(other) != resources_of(request())
    assert (await view.look(other))[1] == {"rp-a"}, "another size is another question"


async def test_the_view_is_refreshed_while_decisions_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, now = 0, 1000.0
    slow = asyncio.Event()
    monkeypatch.setattr(views, "time", SimpleNamespace(monotonic=lambda: now))

    async def hosts() -> list[HostState]:
        nonlocal asked
        asked += 1
        if asked > 1:
            await slow.wait()
        return [host(f"h{asked}")]

    async def room(wanted: Any) -> set[str]:
        return set()

    view = View(hosts, room, 4.0)
    await view.look(request())
    now += 3.0
    for _ in range(3):
        ((one,), _) = await view.look(request())
        assert one.host == "h1", "nobody waits"
        await asyncio.sleep(0)
    slow.set()
    await turns()
    ((one,), _) = await view.look(request())
    assert (one.host, asked) == ("h2", 2)


async def test_what_a_decision_needs_is_asked_while_its_request_is_on_its_way() -> None:
    asked: Counter[str] = Counter()

    async def hosts() -> list[HostState]:
        asked["hosts"] += 1
        return []

    async def room(wanted: Mapping[str, int]) -> set[str]:
        asked[f"room for {wanted['VCPU']}"] += 1
        return set()

    view = View(hosts, room, 3600.0)
    view.prepare()
    await turns()
    assert asked == {"hosts": 1}
    await view.look(request())
    assert asked == {"hosts": 1, "room for 1": 1}
    view.prepare()
    await turns()
    assert asked == {"hosts": 1, "room for 1": 1}, "what is new enough is not asked for again"
    old = View(hosts, room, 0.0)
    await old.look(request())
    asked.clear()
    old.prepare()
    await turns()
    assert asked == {"hosts": 1, "room for 1": 1}, "a request like the last is expected"


async def test_what_is_sold_counts_until_the_hosts_are_asked_for_again():
    async def hosts() -> list[HostState]:
        return [host("a")]

    async def room(wanted: Any) -> set[str]:
        return {"rp-a"}

    view = View(hosts, room, 60.0)
    await view.look(request())
    view.count("a", request())
    view.count("gone", request())
    ((one,), _) = await view.look(request())
    assert (one.servers, one.ram_used_mib, one.vcpus_used, one.disk_used_gib) == (1, RAM, 1, 1)
    ((one,), _) = await view.look(request(), fresh=True)
    assert one.servers == 0


def test_of_many_hosts_only_refusals_are_kept_and_not_all():
    hosts = [host(f"h{number}", up=number % 2 == 0) for number in range(DETAILED * 4)]
    left, verdicts = passing(hosts, request())
    assert [one.host for one in left] == [one.host for one in hosts if one.up]
    assert len(verdicts) == DETAILED * 2
    assert not any(one.passed for one in verdicts)
    assert len(kept(verdicts, len(hosts))) == DETAILED
    few, said = passing(hosts[:2], request())
    assert kept(said, 2) == said
    assert {(one.host, one.passed) for one in said if one.filter == "ComputeFilter"} == {("h0", True), ("h1", False)}
    assert few == hosts[:1]


async def test_a_decision_of_the_same_process_that_is_past_its_lease_is_anothers() -> None:
    """Else it would be refused with the later one's name, and give the later one's claim back."""
    conductor, placement = Conductor([host("a")]), Placement(a=2)
    await boot(scheduler_of(conductor, placement), "1", "1")
    assert len(set(conductor.owners)) == 2
