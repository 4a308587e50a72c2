"""Hosts are told to look, and again where they say nothing."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tinstack.core.bus import Envelope
from tinstack.network import rpc
from tinstack.network.server import telling
from tinstack.network.server.telling import Telling

WAIT = 60.0


class Host:
    """A host that listens, and answers when the test says so."""

    def __init__(self, agent: Any) -> None:
        self.agent, self.told = agent, list[int]()

    async def take(self, message: rpc.LookHost, envelope: Envelope) -> None:
        self.told.append(message.generation)


@pytest.fixture
async def host(rig: Any) -> Host:
    one = Host(await rig.host("a"))
    await one.agent.bus.serve(rpc.topic("a"), {rpc.LookHost: one.take})
    return one


@pytest.fixture
def tell(rig: Any) -> Telling:
    found: Telling = rig.parts.agents._changes._telling
    return found


async def eventually(true: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT):
        while True:
            if true():
                return
            await asyncio.sleep(0.01)


async def turns(tell: Telling, count: int) -> None:
    """So many turns of the clock; all that they send has come."""
    for _ in range(count):
        await tell.tell_again()
        await eventually(lambda: not tell._some.is_set())
        await asyncio.sleep(0.05)


async def test_a_host_that_says_nothing_is_told_again_but_not_for_ever(host: Host, tell: Telling) -> None:
    await eventually(lambda: host.told)  # as it is new
    before = len(host.told)
    await turns(tell, 1)
    assert len(host.told) == before  # it may have been told just now
    await turns(tell, 5)
    assert len(host.told) == before + telling.AGAIN_TIMES


async def test_a_host_that_has_looked_is_left_alone(host: Host, tell: Telling) -> None:
    await eventually(lambda: host.told)
    await host.agent.look()
    before = len(host.told)
    await turns(tell, 4)
    assert len(host.told) == before


async def test_another_change_counts_anew(host: Host, tell: Telling, client: Any, rig: Any) -> None:
    await eventually(lambda: host.told)
    await turns(tell, 6)
    network = await client.network()
    made = await client.post(
        "ports",
        {"port": {"network_id": network["id"], "binding:host_id": "a", "device_owner": "compute:nova"}},
        "admin",
    )
    assert made.status_code == 201
    before = len(host.told)
    await eventually(lambda: host.told[-1] >= host.told[0] + 1)
    await turns(tell, 6)
    assert len(host.told) >= before + telling.AGAIN_TIMES
