"""The bus inside one process, with the rules of the real one: everything is encoded, permissions hold, order per topic.

``Hub.fault`` may drop, duplicate or delay messages on request.
"""

import asyncio
import contextvars
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar
from uuid import uuid4

from tinstack.core.bus import topology
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
    Refused,
    decode,
    encode,
    envelope_of,
    handling,
)

log = logging.getLogger(__name__)
M = TypeVar("M", bound=Message)

Fault = Callable[[str, Envelope], tuple[int, float]]
"""(topic, envelope) → (copies, delay in seconds); (0, 0) drops, (1, 0) is untouched."""


class Hub:
    """The broker: queues by topic (kept while nobody serves them), listeners by key."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self._servers: dict[str, deque[MemoryBus]] = defaultdict(deque)
        self._kept: dict[str, deque[bytes]] = defaultdict(deque)
        self._private: dict[str, MemoryBus] = {}
        self._listeners: dict[str, list[MemoryBus]] = defaultdict(list)

    def publish(self, topic: str, envelope: Envelope) -> None:
        copies, delay = self.fault(topic, envelope) if self.fault else (1, 0.0)
        data = encode(envelope)
        for _ in range(copies):
            if delay:
                asyncio.get_running_loop().call_later(delay, self._deliver, topic, data)
            else:
                self._deliver(topic, data)

    def _deliver(self, topic: str, data: bytes) -> None:
        if topic.startswith(topology.PRIVATE):
            if topic in self._private:
                self._private[topic].take(topic, data)
        elif topic.startswith(topology.BROADCAST):
            for listener in self._listeners[topic]:
                listener.take(topic, data)
        elif servers := self._servers[topic]:
            servers.rotate(1)
            servers[0].take(topic, data)
        else:
            self._kept[topic].append(data)

    def join(self, bus: "MemoryBus", private: str) -> None:
        self._private[private] = bus

    def serve(self, topic: str, bus: "MemoryBus") -> None:
        self._servers[topic].append(bus)
        kept = self._kept.pop(topic, deque())
        while kept:
            self._deliver(topic, kept.popleft())

    def listen(self, topic: str, bus: "MemoryBus") -> None:
        self._listeners[topic].append(bus)

    def depth(self, queue: str) -> Depth:
        """Queues are there as soon as somebody names them."""
        return Depth(len(self._kept.get(queue, ())), len(self._servers.get(queue, ())))

    def leave(self, bus: "MemoryBus") -> None:
        self._private = {name: other for name, other in self._private.items() if other is not bus}
        for members in (*self._servers.values(), *self._listeners.values()):
            while bus in members:
                members.remove(bus)


class MemoryBus:
    """One user's connection to a hub."""

    def __init__(self, hub: Hub, user: str, side: str) -> None:
        self.hub, self.user, self.side = hub, user, side
        self.private = topology.private_name(user, side, uuid4().hex)
        self._answers = Answers()
        self._dispatchers: dict[str, Dispatcher] = {}
        self._places: dict[str, asyncio.Semaphore] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._context = contextvars.copy_context()

    async def open(self) -> None:
        """What is taken is handled in the context of who opens it, not of who sends, as between processes."""
        self._context = contextvars.copy_context()
        self.hub.join(self, self.private)

    async def close(self) -> None:
        self.hub.leave(self)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def call(self, topic: str, message: Message, answer: type[M], seconds: float = CALL_SECONDS) -> M:
        envelope = envelope_of(message, self.user, seconds, self.private)
        return await self._answers.wait(topic, envelope, answer, seconds, self._publish(topic, envelope))

    async def cast(self, topic: str, message: Message) -> None:
        await self._publish(topic, envelope_of(message, self.user))

    async def broadcast(self, key: str, message: Message) -> None:
        await self._publish(topology.BROADCAST + key, envelope_of(message, self.user))

    async def serve(self, topic: str, handlers: Mapping[type[Message], Handler]) -> None:
        if not topology.may_read(self.user, topic):
            raise Refused(f"'{self.user}' may not read '{topic}'.")
        self._dispatchers[topic] = Dispatcher(handlers)
        self._places[topic] = asyncio.Semaphore(PREFETCH)
        self.hub.serve(topic, self)

    async def listen(self, key: str, handlers: Mapping[type[Message], Handler]) -> None:
        self._dispatchers[topology.BROADCAST + key] = Dispatcher(handlers)
        self.hub.listen(topology.BROADCAST + key, self)

    async def depths(self, queues: Iterable[str]) -> dict[str, Depth]:
        return {queue: self.hub.depth(queue) for queue in queues}

    def take(self, topic: str, data: bytes) -> None:
        """From the hub."""
        envelope = decode(data)
        if envelope.name == ANSWER:
            self._answers.take(envelope)
            return
        work = self._handle(self._dispatchers[topic], envelope)
        in_turn = self._in_turn(self._places[topic], work) if topic in self._places else work
        task = asyncio.create_task(in_turn, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _in_turn(self, places: asyncio.Semaphore, work: Coroutine[Any, Any, None]) -> None:
        """As the broker hands out messages: so many at once."""
        await places.acquire()
        held = True

        async def done() -> None:
            nonlocal held
            if held:
                held = False
                places.release()

        handling(done)
        try:
            await work
        finally:
            await done()

    async def _handle(self, dispatcher: Dispatcher, envelope: Envelope) -> None:
        answer = await dispatcher.handle(envelope, self.user)
        if answer:
            await self._publish(envelope.reply_to, answer)

    async def _publish(self, topic: str, envelope: Envelope) -> None:
        if self.side == "host" and not topology.may_host_write(topic):
            raise Refused(f"'{self.user}' may not write '{topic}'.")
        self.hub.publish(topic, envelope)
