"""The page that both implementations of the bus fulfil, and what they share: envelopes, answers, dispatch."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar
from uuid import uuid4

import msgspec

from tinstack.core.bus import topology
from tinstack.core.bus.lateness import Lateness
from tinstack.core.context import request_id_of_task
from tinstack.core.errors import ApiError, Unavailable
from tinstack.core.metrics.families import CALL_TIMEOUTS, MESSAGE_SECONDS, MESSAGES

log = logging.getLogger(__name__)

CALL_SECONDS = 10.0
PREFETCH = 64
"""Messages of a topic that a process takes at once."""

ANSWER = "Answer"


class Message(msgspec.Struct, kw_only=True):
    """A message or an answer; the class's name is its name on the wire."""


class Envelope(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What travels: ``body`` is the message's JSON. Of a call, ``sent`` is the sender's clock in seconds, and ``seconds`` is how long it
    waits for the answer (0: it is no call)."""

    name: str
    version: int = 1
    id: str
    request_id: str
    sender: str = ""
    sent: float = 0.0
    seconds: float = 0.0
    reply_to: str = ""
    error: dict[str, Any] | None = None
    body: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def host(self) -> str:
        """The host whose agent sent it (its bus user is ``compute.<host>`` or ``network.<host>``), or ''."""
        return self.sender.partition(".")[2]


class Refused(ApiError):
    """The sender may not say this (wrong host, absent user)."""

    status, code, message = 403, "bus.refused", "The message is refused: its sender is not the one it concerns."


class RemoteTimeout(Unavailable):
    """No answer before the deadline."""

    code, message = "bus.timeout", "'{topic}' did not answer {name} within {seconds:g} s."


class RemoteFailure(ApiError):
    """The other side answered with an error; ``status``, ``code`` and text are its own."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(str(error.get("text", "")))
        self.remote_code = str(error.get("code", "internal"))
        self.remote_status = int(error.get("status", 500))


_aside: ContextVar[Callable[[], Awaitable[object]] | None] = ContextVar("aside", default=None)


def handling(aside: Callable[[], Awaitable[object]]) -> None:
    """This task handles a message; ``aside`` lets go of its place among those that are taken at once."""
    _aside.set(aside)


async def set_aside() -> None:
    """What is handled now goes on beside those that are taken at once, as it waits for others: a service that is slow keeps nobody else
    waiting. It is not brought again if this process dies: for calls, and for what is told again anyway."""
    aside = _aside.get()
    if aside:
        _aside.set(None)
        await aside()


Handler = Callable[[Any, Envelope], Awaitable[Message | None]]
M = TypeVar("M", bound=Message)


class Depth(msgspec.Struct, frozen=True):
    """How full a queue is: messages that wait, and who takes from it."""

    messages: int
    consumers: int


class Bus(Protocol):
    """One process's connection."""

    user: str

    async def open(self) -> None:
        """Connect, and take from the topics given to ``serve`` and ``listen`` until then or later."""

    async def close(self) -> None:
        """Finish what is being handled, then disconnect."""

    async def call(self, topic: str, message: Message, answer: type[M], seconds: float = CALL_SECONDS) -> M:
        """Ask and wait. Raises RemoteFailure (the other side's error) or RemoteTimeout."""

    async def cast(self, topic: str, message: Message) -> None:
        """Tell; returns when the broker has it (publisher confirm)."""

    async def broadcast(self, key: str, message: Message) -> None:
        """Tell every process that listens to ``key``."""

    async def serve(self, topic: str, handlers: Mapping[type[Message], Handler]) -> None:
        """Take messages of ``topic``, shared with other processes that serve it. A cast is acknowledged when handled."""

    async def listen(self, key: str, handlers: Mapping[type[Message], Handler]) -> None:
        """Get every broadcast of ``key``."""

    async def depths(self, queues: Iterable[str]) -> dict[str, Depth]:
        """How full queues are; those that are not there are left out."""


_encode = msgspec.json.Encoder().encode
_decode_envelope = msgspec.json.Decoder(Envelope).decode


def envelope_of(message: Message, sender: str, seconds: float = 0.0, reply_to: str = "") -> Envelope:
    """Wrap ``message`` with a fresh id and this task's request id."""
    return Envelope(
        name=type(message).__name__,
        id=uuid4().hex,
        request_id=request_id_of_task.get(),
        sender=sender,
        sent=time.time() if seconds else 0.0,
        seconds=seconds,
        reply_to=reply_to,
        body=msgspec.Raw(_encode(message)),
    )


def encode(envelope: Envelope) -> bytes:
    """The envelope's bytes."""
    return _encode(envelope)


def decode(data: bytes) -> Envelope:
    """Raises msgspec.DecodeError."""
    return _decode_envelope(data)


def service_of(user: str) -> str:
    """The service of a bus user or a topic: without the host."""
    return user.partition(".")[0]


class Answers:
    """Calls that wait for their answer."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[str, asyncio.Future[Envelope]]] = {}

    async def wait(self, topic: str, envelope: Envelope, answer: type[M], seconds: float, send: Awaitable[None]) -> M:
        """Send, wait, decode. Raises RemoteTimeout or RemoteFailure."""
        future: asyncio.Future[Envelope] = asyncio.get_running_loop().create_future()
        self._waiting[envelope.id] = topic, future
        try:
            async with asyncio.timeout(seconds):
                await send
                got = await future
        except TimeoutError as error:
            CALL_TIMEOUTS.add(service_of(envelope.sender), service_of(topic), envelope.name)
            raise RemoteTimeout(topic=topic, name=envelope.name, seconds=seconds) from error
        finally:
            self._waiting.pop(envelope.id, None)
        if got.error is not None:
            raise RemoteFailure(got.error)
        return msgspec.json.decode(got.body, type=answer)

    def take(self, envelope: Envelope) -> None:
        """An answer came; one that nobody waits for any more, or that another gives than was asked, is dropped."""
        topic, future = self._waiting.get(envelope.id, ("", None))
        if future is None or future.done():
            return
        if not topology.may_answer(envelope.sender, topic):
            log.warning("an answer of '%s' to a call to '%s' is dropped: it was not asked", envelope.sender, topic)
            return
        future.set_result(envelope)


class Dispatcher:
    """From an envelope to its handler, and the handler's result to an answer."""

    def __init__(self, handlers: Mapping[type[Message], Handler]) -> None:
        self._lateness = Lateness()
        self._handlers = {
            kind.__name__: (msgspec.json.Decoder(kind).decode, handler) for kind, handler in handlers.items()
        }

    async def handle(self, envelope: Envelope, sender: str) -> Envelope | None:
        """Run the handler; the answer, where one is wanted."""
        request_id_of_task.set(envelope.request_id)
        service = service_of(sender)
        if envelope.seconds:
            late = self._lateness.of(envelope.reply_to or envelope.sender, envelope.sent)
            if late > envelope.seconds:
                MESSAGES.add(service, self._known(envelope), "late")
                log.warning("%s from %s came %.1f s late and is dropped", envelope.name, envelope.sender, late)
                return None
        if not topology.may_reply_to(envelope.sender, envelope.reply_to):
            MESSAGES.add(service, self._known(envelope), "refused")
            log.warning(
                "refused %s from '%s': its answer would go to '%s', which is not its own",
                envelope.name,
                envelope.sender,
                envelope.reply_to,
            )
            return None
        answer = Envelope(name=ANSWER, id=envelope.id, request_id=envelope.request_id, sender=sender)
        began, outcome = time.perf_counter(), "ok"
        try:
            if not envelope.sender:
                raise Refused("The message names no sender.")
            if envelope.name not in self._handlers:
                raise ApiError(f"'{envelope.name}' is not served here.")
            decode_body, handler = self._handlers[envelope.name]
            result = await handler(decode_body(envelope.body), envelope)
            if result is not None:
                answer.body = msgspec.Raw(_encode(result))
        except ApiError as error:
            outcome = "refused" if isinstance(error, Refused) else "failed"
            if isinstance(error, Refused):
                log.warning("refused %s from '%s': %s", envelope.name, envelope.sender, error.text)
            elif not envelope.reply_to:
                log.error("%s from %s failed: %s", envelope.name, envelope.sender, error.text)
            answer.error = {
                "status": error.remote_status if isinstance(error, RemoteFailure) else error.status,
                "code": error.remote_code if isinstance(error, RemoteFailure) else error.code,
                "text": error.text,
            }
        except Exception as error:
            outcome = "failed"
            log.exception("%s from %s failed", envelope.name, envelope.sender)
            answer.error = {"status": 500, "code": "internal", "text": f"{type(error).__name__}: {error}"}
        name = self._known(envelope)
        MESSAGES.add(service, name, outcome)
        MESSAGE_SECONDS.observe(time.perf_counter() - began, service, name)
        return answer if envelope.reply_to else None

    def _known(self, envelope: Envelope) -> str:
        """The message's name as a label: one that its sender invents is none."""
        return envelope.name if envelope.name in self._handlers else "unknown"
