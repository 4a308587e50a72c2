"""Agents' heartbeats: many in one statement, anything new at once."""

from typing import Any

import msgspec
import pytest

from tinstack.network import rpc
from tinstack.network.server.beats import Beats


def report(host: str, **more: Any) -> rpc.AgentReport:
    facts: dict[str, Any] = {"tunnel_ip": "10.0.0.1", "roles": ["l2"], "physical_networks": {}, "started_at": 1}
    return rpc.AgentReport(host=host, **{"generation": 0, **facts, **more})


class Alone:
    """Notes the reports that are taken alone."""

    def __init__(self) -> None:
        self.hosts: list[str] = []

    async def __call__(self, report: rpc.AgentReport) -> None:
        self.hosts.append(report.host)


@pytest.fixture
def alone() -> Alone:
    return Alone()


def nobody(hosts: Any) -> None:
    """Tells no host to look."""


async def test_what_was_said_before_waits_for_others(rig: Any, alone: Alone) -> None:
    beats = Beats(rig.parts.db, 60.0, alone, nobody)
    for _ in range(3):
        await beats.heard(report("a"))
    assert alone.hosts == ["a"]


@pytest.mark.parametrize("new", [{"started_at": 2}, {"tunnel_ip": "10.0.0.2"}, {"roles": ["l2", "dhcp"]}])
async def test_what_is_new_does_not_wait(rig: Any, alone: Alone, new: dict[str, Any]) -> None:
    beats = Beats(rig.parts.db, 60.0, alone, nobody)
    await beats.heard(report("a"))
    await beats.heard(report("a", **new))
    assert alone.hosts == ["a", "a"]


async def test_the_first_sign_of_life_after_silence_does_not_wait(rig: Any, alone: Alone) -> None:
    beats = Beats(rig.parts.db, 0.0, alone, nobody)
    await beats.heard(report("a"))
    await beats.heard(report("a"))
    assert alone.hosts == ["a", "a"]


async def test_many_are_written_at_once_and_those_that_were_removed_come_back(rig: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("tinstack.network.server.beats.MANY", 2)
    hosts = [f"h{number}" for number in range(5)]
    beats: Beats = rig.parts.agents.beats
    for host in hosts:
        await beats.heard(report(host))
    before = {agent.host: agent.heartbeat_at for agent in await rig.parts.agents.all()}
    await beats._write([report(host) for host in hosts])
    after = {agent.host: agent.heartbeat_at for agent in await rig.parts.agents.all()}
    assert all(after[host] > before[host] for host in hosts)
    removed = next(agent for agent in await rig.parts.agents.all() if agent.host == "h0")
    rig.parts.agents.config = msgspec.structs.replace(rig.parts.agents.config, agent_down_seconds=-1.0)
    await rig.parts.agents.delete(removed.id)
    await beats._write([report(host) for host in hosts])
    assert {agent.host for agent in await rig.parts.agents.all()} >= set(hosts)


async def test_a_host_that_is_behind_is_told_to_look(rig: Any, alone: Alone) -> None:
    await rig.host("near")
    told: list[str] = []
    beats = Beats(rig.parts.db, 60.0, alone, told.extend)
    generation = await rig.generation("near")
    assert generation > 0
    same = report("near")
    await beats._write([msgspec.structs.replace(same, generation=generation)])
    assert told == []
    await beats._write([msgspec.structs.replace(same, generation=generation - 1)])
    assert told == ["near"]


async def test_who_worked_before_this_process_did_is_told_to_look_once(rig: Any, alone: Alone) -> None:
    told: list[str] = []
    beats = Beats(rig.parts.db, 60.0, alone, told.extend)
    await beats.heard(report("new"))
    for started_at in (1, 1, 2):
        await beats.heard(report("old", generation=7, started_at=started_at))
    assert told == ["old"]
