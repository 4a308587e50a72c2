"""Acknowledgements: few frames, each message once, none before it is handled."""

import asyncio
from typing import Any, cast

import pytest
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelInvalidStateError

from tinstack.core.bus import deliveries
from tinstack.core.bus.deliveries import Acks


class Channel:
    """Keeps what it is told as a broker does: an acknowledgement of what is not outstanding is an error."""

    def __init__(self, delivered: int) -> None:
        self.outstanding = set(range(1, delivered + 1))
        self.frames = 0
        self.lost = False
        self.told = asyncio.Event()

    async def basic_ack(self, delivery_tag: int, multiple: bool = False, wait: bool = True) -> None:
        if self.lost:
            raise ChannelInvalidStateError("closed")
        assert delivery_tag in self.outstanding, f"unknown delivery tag {delivery_tag}"
        self.frames += 1
        gone = {one for one in self.outstanding if one <= delivery_tag} if multiple else {delivery_tag}
        self.outstanding -= gone
        self.told.set()


def acks_of(channel: Channel) -> Acks:
    return Acks(cast(AbstractChannel, cast(Any, channel)))


async def test_those_in_order_go_in_one_frame() -> None:
    channel = Channel(5)
    acks = acks_of(channel)
    for number in (2, 1, 3):
        acks.handled(number)
    await acks.told()
    assert (channel.outstanding, channel.frames) == ({4, 5}, 1)


async def test_nothing_is_acknowledged_while_it_is_under_way() -> None:
    channel = Channel(6)
    acks = acks_of(channel)
    for number in (1, 3, 4):
        acks.handled(number)
    await acks.told()
    assert (channel.outstanding, channel.frames) == ({2, 5, 6}, 3)
    for number in (5, 2):
        acks.handled(number)
    await acks.told()
    assert (channel.outstanding, channel.frames) == ({6}, 4)
    acks.handled(6)
    await acks.told()
    assert (channel.outstanding, channel.frames) == (set(), 5)


async def test_what_was_told_alone_is_passed_over_later() -> None:
    channel = Channel(3)
    acks = acks_of(channel)
    acks.handled(3)
    await acks.told()
    acks.handled(1)
    acks.handled(2)
    await acks.told()
    assert not channel.outstanding
    assert channel.frames == 2


async def test_many_do_not_wait_for_the_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "ACK_SECONDS", 3600.0)
    channel = Channel(deliveries.MOST)
    acks = acks_of(channel)
    for number in range(1, deliveries.MOST + 1):
        acks.handled(number)
    await channel.told.wait()
    assert not channel.outstanding
    assert channel.frames == 1


async def test_one_is_told_by_the_timer() -> None:
    channel = Channel(1)
    acks_of(channel).handled(1)
    await channel.told.wait()
    assert not channel.outstanding
    assert channel.frames == 1


async def test_a_lost_channel_is_no_error() -> None:
    channel = Channel(1)
    channel.lost = True
    acks = acks_of(channel)
    acks.handled(1)
    await acks.told()
    assert channel.outstanding == {1}
