"""The bus on RabbitMQ by aio-pika: robust connection, publisher confirms, durable queues declared by ``topology``."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar, cast
from urllib.parse import quote, urlsplit
from uuid import uuid4

import aio_pika
import aiormq
import msgspec
from aio_pika.abc import AbstractChannel, AbstractQueue, AbstractRobustConnection
from aiormq.abc import ConsumerCallback, DeliveredMessage
from pamqp.commands import Basic

from tinstack.core.bus import deliveries, topology
from tinstack.core.bus.deliveries import Acks
from tinstack.core.bus.interface import (
    ANSWER,
    CALL_SECONDS,
    PREFETCH,
    Answers,
    Depth,
    Dispatcher,
    Envelope,
    Handler,
    Message,
    decode,
    encode,
    envelope_of,
    handling,
    service_of,
)
from tinstack.core.config import BusConfig
from tinstack.core.errors import Unavailable
from tinstack.core.metrics.families import PUBLISH_FAILURES
from tinstack.core.tls import trusting

log = logging.getLogger(__name__)
M = TypeVar("M", bound=Message)

CONFIRM_SECONDS = 10.0
LISTENING_SECONDS = 60.0
"""How long a broker may take to listen."""
AGAIN_SECONDS = 0.1


class BusUnavailable(Unavailable):
    """503: RabbitMQ did not take the message in time."""

    code, message = "bus", "The message bus can't be reached; try again."


class AmqpBus:
    """One process's connection to RabbitMQ."""

    def __init__(self, config: BusConfig) -> None:
        url = urlsplit(config.url)
        self.user = url.username or ""
        self.side = config.side
        port = url.port or {"amqp": 5672, "amqps": 5671}[url.scheme]
        self._url = (
            f"{url.scheme}://{quote(self.user)}:{quote(config.password, safe='')}@{url.hostname}:{port}{url.path}"
        )
        self._tls = trusting(config.ca)
        self._exchange_name = topology.UP if config.side == "host" else topology.DOWN
        self.private = topology.private_name(self.user, self.side, uuid4().hex)
        self._answers = Answers()
        self._dispatchers: dict[str, Dispatcher] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._connection: AbstractRobustConnection | None = None
        self._consuming: AbstractChannel | None = None
        self._private_queue: AbstractQueue | None = None
        self._publishing: AbstractChannel | None = None
        self._calling: AbstractChannel | None = None
        self._acks: Acks | None = None

    async def open(self) -> None:
        self._connection = await self._connect()
        self._publishing = await self._connection.channel(publisher_confirms=True)
        self._calling = await self._connection.channel(publisher_confirms=False)
        self._consuming = await self._connection.channel(publisher_confirms=False)
        await self._consuming.set_qos(PREFETCH)
        if self.side == "host":
            self._private_queue = await self._calling.get_queue(self.private)
        else:
            self._private_queue = await self._calling.declare_queue(self.private, exclusive=True, auto_delete=True)
            await self._private_queue.bind(topology.DOWN, self.private)
            await self._private_queue.bind(topology.UP, self.private)
        await _consume(self._private_queue, self._take_private, no_ack=True)

    async def _connect(self) -> AbstractRobustConnection:
        """A service may start beside its broker: one that does not listen yet is tried again for a while."""
        until = time.monotonic() + LISTENING_SECONDS
        while True:
            try:
                return await aio_pika.connect_robust(
                    self._url,
                    connection_class=deliveries.Connection,
                    reconnect_interval=1,
                    timeout=10,
                    heartbeat=15,
                    ssl_context=self._tls,
                )
            except aio_pika.exceptions.AMQPConnectionError as error:
                refused = isinstance(error.__cause__, ConnectionRefusedError)
                if not refused or time.monotonic() > until:
                    raise
            await asyncio.sleep(AGAIN_SECONDS)

    async def close(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        if self._acks:
            await self._acks.told()
        if self._connection:
            await self._connection.close()

    async def call(self, topic: str, message: Message, answer: type[M], seconds: float = CALL_SECONDS) -> M:
        envelope = envelope_of(message, self.user, seconds, self.private)
        return await self._answers.wait(topic, envelope, answer, seconds, self._publish_call(topic, envelope))

    async def cast(self, topic: str, message: Message) -> None:
        await self._publish(topic, envelope_of(message, self.user))

    async def broadcast(self, key: str, message: Message) -> None:
        await self._publish(topology.BROADCAST + key, envelope_of(message, self.user))

    async def serve(self, topic: str, handlers: Mapping[type[Message], Handler]) -> None:
        assert self._consuming, "the bus is not open"
        dispatcher = Dispatcher(handlers)
        queue = await self._consuming.get_queue(topic)

        async def take(delivered: DeliveredMessage) -> None:
            self._spawn(self._handle(dispatcher, delivered))

        await _consume(queue, take)

    async def listen(self, key: str, handlers: Mapping[type[Message], Handler]) -> None:
        assert self._private_queue, "the bus is not open"
        self._dispatchers[topology.BROADCAST + key] = Dispatcher(handlers)
        await self._private_queue.bind(topology.DOWN, topology.BROADCAST + key)

    async def depths(self, queues: Iterable[str]) -> dict[str, Depth]:
        """By a passive declaration each, which needs no right to the queue. One that is not there ends its channel."""
        assert self._connection, "the bus is not open"
        found = {}
        channel = None
        try:
            for queue in queues:
                if channel is None or channel.is_closed:
                    channel = await self._connection.channel(publisher_confirms=False)
                try:
                    said = (await channel.get_queue(queue)).declaration_result
                    found[queue] = Depth(said.message_count or 0, said.consumer_count or 0)
                except aio_pika.exceptions.ChannelNotFoundEntity:
                    channel = None
        except (aio_pika.exceptions.AMQPError, ConnectionError, RuntimeError) as error:
            raise BusUnavailable from error
        finally:
            if channel is not None and not channel.is_closed:
                await _quietly(channel.close)
        return found

    async def _take_private(self, delivered: DeliveredMessage) -> None:
        envelope = _read(delivered)
        if envelope is None:
            return
        if envelope.name == ANSWER:
            self._answers.take(envelope)
        elif dispatcher := self._dispatchers.get(delivered.routing_key or ""):
            self._spawn(self._answer(dispatcher, envelope))

    async def _handle(self, dispatcher: Dispatcher, delivered: DeliveredMessage) -> None:
        envelope, waiting = _read(delivered), True

        async def done() -> None:
            nonlocal waiting
            if waiting:
                waiting = False
                self._handled(delivered)

        handling(done)
        try:
            if envelope is not None:
                await self._answer(dispatcher, envelope)
        finally:
            await done()

    def _handled(self, delivered: DeliveredMessage) -> None:
        """A channel that was lost acknowledges nothing: its messages come again, which does no harm."""
        if self._acks is None or self._acks.channel is not delivered.channel:
            if delivered.channel.is_closed:
                return
            self._acks = Acks(delivered.channel)
        self._acks.handled(delivered.delivery_tag or 0)

    async def _answer(self, dispatcher: Dispatcher, envelope: Envelope) -> None:
        answer = await dispatcher.handle(envelope, self.user)
        if answer:
            try:
                await self._publish_call(envelope.reply_to, answer)
            except BusUnavailable:
                log.warning("the answer to %s of %s was lost", envelope.name, envelope.sender)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _publish(self, key: str, envelope: Envelope) -> None:
        """Until the broker has confirmed it."""
        await self._publish_on(self._publishing, key, envelope)

    async def _publish_call(self, key: str, envelope: Envelope) -> None:
        """A call or its answer: no confirmation is waited for, as the caller misses the answer where either is lost."""
        await self._publish_on(self._calling, key, envelope)

    async def _publish_on(self, channel: AbstractChannel | None, key: str, envelope: Envelope) -> None:
        """Messages live in the broker's memory (delivery mode 1): what a broker's end loses is brought back by leases and looks.

        Said to the channel itself, which costs half of what a message object of the library does; it waits for the confirmation
        where the channel has them.
        """
        assert channel, "the bus is not open"
        properties = Basic.Properties(
            user_id=self.user,
            message_id=envelope.id,
            delivery_mode=1,
            content_type="application/json",
            expiration=str(int(envelope.seconds * 1000)) if envelope.seconds else None,
        )
        try:
            if channel.is_closed:
                raise ConnectionError("the connection is lost")
            lower = cast(aiormq.Channel, await channel.get_underlay_channel())
            await lower.basic_publish(
                encode(envelope),
                exchange=self._exchange_name,
                routing_key=key,
                properties=properties,
                timeout=CONFIRM_SECONDS,
                wait=False,
            )
        except (aio_pika.exceptions.AMQPError, ConnectionError, TimeoutError, RuntimeError) as error:
            PUBLISH_FAILURES.add(service_of(self.user), envelope.name)
            log.error("%s could not be published to %s: %s", envelope.name, key, str(error) or type(error).__name__)
            raise BusUnavailable from error


async def _consume(queue: AbstractQueue, take: ConsumerCallback, *, no_ack: bool = False) -> None:
    """From a queue of one of our channels."""
    await cast(deliveries.Queue, queue).consume(take, no_ack=no_ack)


def _read(delivered: DeliveredMessage) -> Envelope | None:
    """The envelope, its sender as the broker vouches for it; None (and a line in the log) where it is not readable."""
    sender = delivered.header.properties.user_id or ""
    try:
        envelope = decode(delivered.body)
    except msgspec.DecodeError as error:
        log.warning("an unreadable message of '%s' was dropped: %s", sender, error)
        return None
    envelope.sender = sender
    return envelope


async def _quietly(action: Callable[[], Awaitable[object]]) -> None:
    """Close; a connection lost meanwhile has closed it already."""
    try:
        await action()
    except (aio_pika.exceptions.AMQPError, ConnectionError, RuntimeError) as error:
        log.debug("could not close: %s", error)
