"""Messages as the broker delivers them, and their acknowledgements in as few frames as can be.

The library's own message objects and a frame for each acknowledgement were a third of what taking a message costs.
"""

import asyncio
import logging
from typing import Any

import aiormq
from aio_pika import RobustChannel, RobustConnection
from aio_pika.abc import ConsumerTag, TimeoutType
from aio_pika.exceptions import AMQPError
from aio_pika.robust_queue import RobustQueue
from aiormq.abc import AbstractChannel, ConsumerCallback

log = logging.getLogger(__name__)

ACK_SECONDS = 0.1
"""For which what is handled waits for company before the broker is told: a frame and a task for ten heartbeats, not for two."""
MOST = 32
"""So many go at once: half of what may be under way, so that the broker never waits for us."""


class Queue(RobustQueue):
    """Consumers get the message as it was delivered, not one of the library's objects made of it."""

    async def consume(  # type: ignore[override]
        self,
        callback: ConsumerCallback,
        no_ack: bool = False,
        exclusive: bool = False,
        arguments: Any = None,
        consumer_tag: ConsumerTag | None = None,
        timeout: TimeoutType = None,
        robust: bool = True,
    ) -> ConsumerTag:
        channel = await self.channel.get_underlay_channel()
        consuming = await channel.basic_consume(
            self.name,
            callback,
            no_ack=no_ack,
            exclusive=exclusive,
            arguments=arguments,
            consumer_tag=consumer_tag,
            timeout=timeout,
        )
        tag = str(consuming.consumer_tag)
        if robust:
            self._consumers[tag] = {
                "callback": callback,
                "no_ack": no_ack,
                "exclusive": exclusive,
                "arguments": arguments,
            }
        return tag


class Channel(RobustChannel):
    """Its queues are those above."""

    QUEUE_CLASS = Queue


class Connection(RobustConnection):
    """Its channels are those above."""

    CHANNEL_CLASS = Channel


class Acks:
    """Of what ``channel`` delivers, all of it to be acknowledged. All up to a message that is handled go in one frame where nothing
    before it is still under way.

    A message that is handled and not acknowledged yet comes again where the connection is lost, as one that is being handled does.
    """

    def __init__(self, channel: AbstractChannel) -> None:
        self.channel = channel
        self._handled: set[int] = set()
        self._told: set[int] = set()
        self._through = 0
        self._timer: asyncio.TimerHandle | None = None
        self._telling: set[asyncio.Task[None]] = set()

    def handled(self, number: int) -> None:
        """The message of this delivery tag is acknowledged soon."""
        self._handled.add(number)
        if len(self._handled) >= MOST:
            self.tell()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(ACK_SECONDS, self.tell)

    def tell(self) -> None:
        """Acknowledge what is handled by now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        together = 0
        while (number := self._through + 1) in self._handled or number in self._told:
            self._through = number
            self._told.discard(number)
            if number in self._handled:
                self._handled.discard(number)
                together = number
        alone, self._handled = self._handled, set()
        self._told |= alone
        if together or alone:
            task = asyncio.ensure_future(_tell(self.channel, together, sorted(alone)))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def told(self) -> None:
        """Acknowledge what is handled, and wait until that is on its way."""
        self.tell()
        if self._telling:
            await asyncio.wait(self._telling)


async def _tell(channel: AbstractChannel, together: int, alone: list[int]) -> None:
    try:
        if together:
            await channel.basic_ack(together, multiple=True, wait=False)
        for number in alone:
            await channel.basic_ack(number, wait=False)
    except (AMQPError, aiormq.exceptions.AMQPError, ConnectionError, RuntimeError) as error:
        log.debug("could not acknowledge: %s", error)
