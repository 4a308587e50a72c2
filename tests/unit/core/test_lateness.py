"""Calls past their deadline, between machines whose clocks differ."""

import asyncio
from typing import Any

import pytest

from tinstack.core.bus import Envelope, Message, lateness
from tinstack.core.bus.interface import Dispatcher, envelope_of
from tinstack.core.bus.lateness import WINDOW_SECONDS, Lateness


class Ask(Message):
    pass


class Told(Message):
    pass


class Clocks:
    """The receiver's: ``ahead`` of the sender's by so much."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.time, self.ahead = 1000.0, ahead
        self.lateness = Lateness(lambda: self.time + self.ahead, lambda: self.time)

    def received(self, on_its_way: float = 0.01, sender: str = "one") -> float:
        return self.lateness.of(sender, self.time - on_its_way)


@pytest.mark.parametrize("ahead", [0.0, 60.0, -3600.0])
def test_a_difference_of_clocks_is_not_taken_for_time_on_the_way(ahead: float) -> None:
    clocks = Clocks(ahead)
    assert clocks.received() == 0
    assert clocks.received(0.02) == pytest.approx(0.01)
    assert clocks.received(12.0) == pytest.approx(11.99)


def test_who_stood_still_for_long_knows_how_late_a_message_is() -> None:
    clocks = Clocks(60.0)
    clocks.received()
    clocks.time += 10 * WINDOW_SECONDS
    assert clocks.received(10 * WINDOW_SECONDS - 1) > 9 * WINDOW_SECONDS
    assert clocks.received(5.0) == pytest.approx(4.99)


@pytest.mark.parametrize("step", [60.0, -60.0])
def test_a_clock_that_is_set_is_believed_again(step: float) -> None:
    clocks = Clocks()
    for _ in range(int(3 * WINDOW_SECONDS)):
        clocks.received()
        clocks.time += 1.0
    clocks.ahead += step
    for _ in range(int(2 * WINDOW_SECONDS) + 3):
        late = clocks.received()
        clocks.time += 1.0
    assert late < 1.0


def test_clocks_that_are_apart_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    clocks = Clocks(60.0)
    for _ in range(3):
        clocks.received(sender="private.compute.h1")
    assert [record.getMessage() for record in caplog.records] == [
        "the clock of 'private.compute.h1' is -60 s from this one; both should follow one time server"
    ]


async def test_a_receiver_whose_clock_is_ahead_serves_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """It dropped every one of them as late."""

    async def answer(message: Ask, envelope: Envelope) -> Told:
        return Told()

    dispatcher = Dispatcher({Ask: answer})
    dispatcher._lateness = Lateness(lambda: lateness.time.time() + 60)
    for _ in range(2):
        got: Any = await dispatcher.handle(envelope_of(Ask(), "api", 10.0, "private.api.1"), "conductor")
        assert got is not None and got.error is None
    late = envelope_of(Ask(), "api", 10.0, "private.api.1")
    late.sent -= 11
    assert await dispatcher.handle(late, "conductor") is None
    await asyncio.sleep(0)
