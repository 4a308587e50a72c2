"""The loop: look when told, make, report."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.network_agent.conftest import GUEST_PORT, guest, network, state

from tinstack.core.bus import Envelope
from tinstack.core.bus.memory import Hub, MemoryBus
from tinstack.core.context import request_id_of_task
from tinstack.core.errors import ApiError
from tinstack.network import rpc
from tinstack.network.agent import agent as agents
from tinstack.network.agent import commands, netns, nft, observe
from tinstack.network.agent.agent import Agent
from tinstack.network.agent.commands import CommandFailed
from tinstack.network.agent.config import Config
from tinstack.network.agent.host import Host, Outcome
from tinstack.network.agent.model import SeenSpace


class Maker:
    """Stands for the host: notes what it is asked to make."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.up = [GUEST_PORT]
        self.gate = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def make(self, wanted: rpc.HostNetworkState) -> Outcome:
        asyncio.run_coroutine_threadsafe(self.gate.wait(), self.loop).result(5)
        self.made.append(wanted.generation)
        return Outcome(up=list(self.up), errors={"n": "why"}, doors={}, changes=1)


class Server:
    """Stands for the network service."""

    def __init__(self, hub: Hub) -> None:
        self.bus = MemoryBus(hub, "network", "controller")
        self.generation = 1
        self.asked = asyncio.Event()
        self.asked_for: list[str] = []
        self.applied: asyncio.Queue[rpc.Applied] = asyncio.Queue()
        self.reports: asyncio.Queue[rpc.AgentReport] = asyncio.Queue()

    async def start(self) -> None:
        await self.bus.open()
        handlers: Any = {rpc.AskHostState: self.ask, rpc.Applied: self.take, rpc.AgentReport: self.report}
        await self.bus.serve("network", handlers)

    async def ask(self, message: rpc.AskHostState, envelope: Envelope) -> rpc.HostNetworkState:
        assert envelope.sender == "network.host1" and message.host == "host1"
        self.asked.set()
        self.asked_for.append(envelope.request_id)
        return state(generation=self.generation)

    async def take(self, message: rpc.Applied, envelope: Envelope) -> None:
        self.applied.put_nowait(message)

    async def report(self, message: rpc.AgentReport, envelope: Envelope) -> None:
        self.reports.put_nowait(message)

    async def tell(self, generation: int) -> None:
        self.generation = generation
        await self.bus.cast("network.host1", rpc.LookHost(generation=generation))


class Rig:
    def __init__(self) -> None:
        self.hub = Hub()
        self.maker = Maker()
        self.server = Server(self.hub)
        self.bus = MemoryBus(self.hub, "network.host1", "host")
        host: Any = self.maker
        self.agent = Agent(Config(host="host1", tunnel_ip="10.77.0.12"), self.bus, host, None)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    await made.bus.open()
    yield made
    made.maker.gate.set()
    await made.agent.stop()
    await made.bus.close()
    await made.server.bus.close()


async def test_it_looks_when_it_starts_and_says_what_became_of_it(rig: Rig) -> None:
    rig.maker.gate.set()
    await rig.server.start()
    await rig.agent.start()
    done = await asyncio.wait_for(rig.server.applied.get(), 5)
    assert (done.host, done.generation, done.up, done.errors) == ("host1", 1, [GUEST_PORT], {"n": "why"})
    report = await asyncio.wait_for(rig.server.reports.get(), 5)
    assert (report.tunnel_ip, report.roles) == ("10.77.0.12", ["l2"])


async def test_a_look_is_noted_under_the_request_that_asked_for_it_and_under_none_where_several_did(rig: Rig) -> None:
    await rig.server.start()
    await rig.agent.start()
    await asyncio.wait_for(rig.server.asked.wait(), 5)
    rig.maker.gate.set()
    await asyncio.wait_for(rig.server.applied.get(), 5)
    request_id_of_task.set("req-1")
    await rig.server.tell(2)
    await asyncio.wait_for(rig.server.applied.get(), 5)
    rig.maker.gate.clear()
    await rig.server.tell(3)
    for number in (4, 5):
        request_id_of_task.set(f"req-{number}")
        await rig.server.tell(number)
    rig.maker.gate.set()
    while rig.maker.made[-1] != 5:
        await asyncio.wait_for(rig.server.applied.get(), 5)
    assert rig.server.asked_for[:2] == ["-", "req-1"]
    assert rig.server.asked_for[-1] in ("-", "req-5"), "one of its own, or none where it was asked for by several"


async def test_many_messages_during_one_look_make_one_more(rig: Rig) -> None:
    await rig.server.start()
    await rig.agent.start()
    await asyncio.wait_for(rig.server.asked.wait(), 5)
    for generation in range(2, 8):
        await rig.server.tell(generation)
    rig.maker.gate.set()
    seen = [(await asyncio.wait_for(rig.server.applied.get(), 5)).generation for _ in range(2)]
    assert seen == rig.maker.made == [1, 7]


async def test_it_looks_again_by_what_it_was_answered_and_asks_only_when_told(rig: Rig) -> None:
    rig.maker.gate.set()
    await rig.server.start()
    await rig.agent.start()
    await asyncio.wait_for(rig.server.applied.get(), 5)
    for _ in range(3):
        await rig.agent.look()
    assert rig.maker.made == [1] * 4 and len(rig.server.asked_for) == 1 and rig.server.applied.empty()
    await rig.server.tell(2)
    assert (await asyncio.wait_for(rig.server.applied.get(), 5)).generation == 2
    assert len(rig.server.asked_for) == 2


async def test_it_asks_now_and_then_without_being_told(rig: Rig) -> None:
    rig.maker.gate.set()
    rig.agent.config.ask_seconds = 0.0
    await rig.server.start()
    for asked in (1, 2):
        await rig.agent.look()
        assert len(rig.server.asked_for) == asked


async def test_what_it_finds_by_itself_it_says_at_once_and_again_after_the_next_look(rig: Rig) -> None:
    rig.maker.gate.set()
    await rig.server.start()
    await rig.agent.look()
    rig.maker.up = []
    for asked in (1, 2, 2):
        await rig.agent.look()
        assert len(rig.server.asked_for) == asked
    said = [(await asyncio.wait_for(rig.server.applied.get(), 5)).up for _ in range(3)]
    assert said == [[GUEST_PORT], [], []] and rig.server.applied.empty()


async def test_what_could_not_be_said_is_asked_for_and_said_later(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.maker.gate.set()
    await rig.server.start()

    async def cast(*arguments: Any) -> None:
        raise ApiError("nobody there")

    with monkeypatch.context() as lost:
        lost.setattr(rig.bus, "cast", cast)
        await rig.agent.look()
    await rig.agent.look()
    assert (await asyncio.wait_for(rig.server.applied.get(), 5)).up == [GUEST_PORT]


async def test_what_could_not_be_made_at_first_is_said_when_it_is(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.maker.gate.set()
    await rig.server.start()
    await rig.agent.look()
    await asyncio.wait_for(rig.server.applied.get(), 5)
    rig.server.generation = 2
    rig.agent._ask_at = 0.0

    def fail(wanted: rpc.HostNetworkState) -> Outcome:
        raise CommandFailed(command="ip", reason="no memory.")

    with monkeypatch.context() as failing:
        failing.setattr(rig.maker, "make", fail)
        with pytest.raises(CommandFailed):
            await rig.agent.look()
    assert rig.agent.generation == 1
    await rig.agent.look()
    assert (await asyncio.wait_for(rig.server.applied.get(), 5)).generation == rig.agent.generation == 2


async def test_without_the_server_all_stays_and_it_asks_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "AGAIN_SECONDS", 0.01)
    rig.maker.gate.set()
    calls = 0
    real = rig.bus.call

    async def call(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ApiError("nobody there")
        return await real(*arguments, **named)

    monkeypatch.setattr(rig.bus, "call", call)
    await rig.server.start()
    await rig.agent.start()
    await asyncio.wait_for(rig.server.applied.get(), 5)
    assert calls == 2


def test_no_guest_is_plugged_in_when_its_rules_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: list[str] = []

    def batch(program: str, lines: list[Any]) -> dict[str, str]:
        told.extend(line.text for line in lines)
        return {}

    def refuse(space: str, text: str) -> str:
        raise CommandFailed(command="nft", reason="not permitted.")

    monkeypatch.setattr(observe, "host", SeenSpace)
    monkeypatch.setattr(netns, "ours", set)
    monkeypatch.setattr(commands, "batch", batch)
    monkeypatch.setattr(nft, "command", refuse)
    units: Any = None
    outcome = Host("10.77.0.12", {}, tmp_path, units).make(state(networks=[network([])], ports=[guest()]))
    assert outcome.up == [] and told == []
    assert outcome.errors == {GUEST_PORT: "'nft' failed: not permitted."}


def test_a_port_is_not_up_while_its_network_is_not_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(observe, "host", SeenSpace)
    monkeypatch.setattr(observe, "links", dict)
    monkeypatch.setattr(netns, "ours", set)
    monkeypatch.setattr(nft, "command", lambda space, text: '{"nftables":[]}')
    monkeypatch.setattr(commands, "batch", lambda program, lines: {line.owner: "it failed." for line in lines[:1]})
    wanted = state(networks=[network(["10.77.0.11"])], ports=[guest()])
    units: Any = None
    outcome = Host("10.77.0.12", {}, tmp_path, units).make(wanted)
    assert outcome.up == [] and outcome.errors[GUEST_PORT] == "it failed."
