"""Trace events travel in batches, survive a bus that is away, and cost nothing while nothing happens."""

import asyncio

from tinstack.core import trace
from tinstack.core.bus import Envelope
from tinstack.core.bus.memory import Hub, MemoryBus
from tinstack.core.errors import Unavailable
from tinstack.core.trace import TraceEvents, Tracer


class Away(MemoryBus):
    """A bus that refuses so many casts."""

    refusals = 0

    async def cast(self, topic, message):
        if self.refusals:
            self.refusals -= 1
            raise Unavailable
        await super().cast(topic, message)


async def gathered(bus: Away, number: int) -> list[TraceEvents]:
    got: list[TraceEvents] = []
    done = asyncio.Event()

    async def take(message: TraceEvents, envelope: Envelope) -> None:
        got.append(message)
        if sum(len(one.events) for one in got) >= number:
            done.set()

    reader = MemoryBus(bus.hub, "conductor", "controller")
    await reader.serve("trace", {TraceEvents: take})
    await asyncio.wait_for(done.wait(), 5)
    return got


async def test_events_of_one_moment_are_one_batch() -> None:
    bus = Away(Hub(), "api", "controller")
    tracer = Tracer(bus, "api", "controller")
    tracer.start()
    for number in (3, 4, 5):
        tracer.record(number, start=1, duration=1, server_id="s")
    [batch] = await gathered(bus, 3)
    assert [event.step for event in batch.events] == [3, 4, 5]
    await tracer.stop()


async def test_events_wait_for_a_bus_that_is_away() -> None:
    bus = Away(Hub(), "api", "controller")
    bus.refusals = 2
    tracer = Tracer(bus, "api", "controller")
    tracer.start()
    tracer.record(7, start=1, duration=1, server_id="s")
    [batch] = await gathered(bus, 1)
    assert [event.step for event in batch.events] == [7]
    await tracer.stop()


async def test_a_step_that_raises_is_told_as_failed_and_goes_on_raising() -> None:
    bus = Away(Hub(), "compute.h1", "host")
    tracer = Tracer(bus, "compute", "h1")
    tracer.start()
    try:
        with tracer.step(28, "s"):
            raise Unavailable("The hypervisor is away.")
    except Unavailable:
        pass
    [batch] = await gathered(bus, 1)
    assert (batch.events[0].outcome, batch.events[0].message) == (trace.FAILED, "The hypervisor is away.")
    await tracer.stop()
