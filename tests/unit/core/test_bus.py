"""The bus in memory keeps the rules of the real one."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import cast

import pytest
from aiormq.abc import AbstractChannel, DeliveredMessage
from msgspec import Raw
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from tinstack.core.bus import Envelope, Message, Refused, RemoteFailure, RemoteTimeout, set_aside
from tinstack.core.bus.amqp import AmqpBus
from tinstack.core.bus.interface import PREFETCH, Dispatcher, encode, envelope_of
from tinstack.core.bus.memory import Hub, MemoryBus
from tinstack.core.bus.topology import definitions, hash_password, may_host_write
from tinstack.core.config import BusConfig
from tinstack.core.errors import Conflict
from turns import turns


class Ask(Message):
    number: int


class Told(Message):
    number: int
    sender: str


class Lab:
    def __init__(self) -> None:
        self.hub = Hub()
        self.conductor = MemoryBus(self.hub, "conductor", "controller")
        self.api = MemoryBus(self.hub, "api", "controller")
        self.host = MemoryBus(self.hub, "compute.h1", "host")
        self.seen: list[int] = []

    async def answer(self, message: Ask, envelope: Envelope) -> Told:
        self.seen.append(message.number)
        if message.number < 0:
            raise Conflict("Negative.")
        return Told(number=message.number + 1, sender=envelope.sender)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    made = Lab()
    for bus in (made.conductor, made.api, made.host):
        await bus.open()
    yield made
    for bus in (made.conductor, made.api, made.host):
        await bus.close()


async def test_a_call_is_answered_and_the_sender_is_known(lab: Lab) -> None:
    await lab.conductor.serve("conductor", {Ask: lab.answer})
    assert await lab.host.call("conductor", Ask(number=1), Told) == Told(number=2, sender="compute.h1")


async def test_a_call_that_fails_there_fails_here_with_its_status(lab: Lab) -> None:
    await lab.conductor.serve("conductor", {Ask: lab.answer})
    with pytest.raises(RemoteFailure, match="Negative") as failure:
        await lab.api.call("conductor", Ask(number=-1), Told)
    assert failure.value.remote_status == 409


async def test_a_message_is_handled_in_the_context_of_who_serves_not_of_who_sends(lab: Lab) -> None:
    whose: ContextVar[str] = ContextVar("whose", default="nobody's")
    handled: list[str] = []

    async def answer(message: Ask, envelope: Envelope) -> Told:
        handled.append(whose.get())
        return Told(number=0, sender="")

    async def as_conductor() -> None:
        whose.set("conductor's")
        await lab.conductor.open()
        await lab.conductor.serve("conductor", {Ask: answer})

    await asyncio.create_task(as_conductor())
    whose.set("api's")
    await lab.api.call("conductor", Ask(number=1), Told)
    assert handled == ["conductor's"]


async def test_a_call_to_nobody_times_out(lab: Lab) -> None:
    with pytest.raises(RemoteTimeout, match="scheduler"):
        await lab.api.call("scheduler", Ask(number=1), Told, seconds=0.01)


async def test_a_cast_waits_for_whoever_serves_later(lab: Lab) -> None:
    await lab.api.cast("conductor", Ask(number=7))
    await lab.conductor.serve("conductor", {Ask: lab.answer})
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert lab.seen == [7]


@pytest.mark.parametrize("topic", ["scheduler", "compute.h2", "broadcast.identity.revoked"])
async def test_a_host_may_not_write_to(lab: Lab, topic: str) -> None:
    with pytest.raises(Refused):
        await lab.host.cast(topic, Ask(number=1))


@pytest.mark.parametrize("topic", ["compute.h2", "conductor", "trace"])
async def test_a_host_may_not_read(lab: Lab, topic: str) -> None:
    with pytest.raises(Refused):
        await lab.host.serve(topic, {Ask: lab.answer})


async def test_messages_are_dropped_and_doubled_on_request(lab: Lab) -> None:
    await lab.conductor.serve("conductor", {Ask: lab.answer})
    lab.hub.fault = lambda topic, envelope: (0, 0.0) if bytes(envelope.body) == b'{"number":1}' else (2, 0.0)
    await lab.api.cast("conductor", Ask(number=1))
    await lab.api.cast("conductor", Ask(number=2))
    await turns()
    assert lab.seen == [2, 2]


def test_the_brokers_document_confines_a_host() -> None:
    document = definitions({"api": "x", "conductor": "y", "compute.h1": "z"}, ["h1", "h2"])
    [mine] = [one for one in document["permissions"] if one["user"] == "compute.h1"]
    assert (mine["configure"], mine["write"]) == ("^$", "^up$")
    assert {one["name"] for one in document["queues"]} >= {"conductor", "compute.h1", "private.compute.h1"}
    assert not [one for one in document["queues"] if "h2" in one["name"]]
    assert {one["source"] for one in document["bindings"] if one["destination"].endswith("compute.h1")} == {"down"}


def test_the_same_password_hashes_the_same() -> None:
    assert hash_password("a") == hash_password("a") != hash_password("b")


async def test_an_answer_counts_only_from_who_was_asked(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    other = MemoryBus(lab.hub, "compute.h2", "host")
    await other.open()
    asked: asyncio.Future[Envelope] = asyncio.get_running_loop().create_future()

    async def keep(message: Ask, envelope: Envelope) -> Told:
        asked.set_result(envelope)
        await asyncio.sleep(0.1)
        return Told(number=1, sender="the right one")

    await lab.host.serve("compute.h1", {Ask: keep})
    call = asyncio.create_task(lab.api.call("compute.h1", Ask(number=0), Told))
    envelope = await asked
    forged = Envelope(
        name="Answer", id=envelope.id, request_id="-", sender="compute.h2", body=Raw(b'{"number":9,"sender":"x"}')
    )
    await other._publish(envelope.reply_to, forged)
    assert (await call).sender == "the right one"
    assert "'compute.h2'" in caplog.text and "was not asked" in caplog.text
    await other.close()


@pytest.mark.parametrize("reply_to", ["private.compute.h2", "compute.h2", "broadcast.identity.revoked", "conductor"])
async def test_answers_go_to_the_askers_own_queue_alone(
    lab: Lab, reply_to: str, caplog: pytest.LogCaptureFixture
) -> None:
    await lab.conductor.serve("conductor", {Ask: lab.answer})
    await lab.host._publish("conductor", envelope_of(Ask(number=1), "compute.h1", 5.0, reply_to))
    await turns()
    assert lab.seen == []
    assert "compute.h1" in caplog.text and reply_to in caplog.text


def test_a_host_writes_the_topics_of_controllers_and_answers_to_them() -> None:
    assert may_host_write("conductor") and may_host_write(f"private.api.{'0' * 32}")
    for key in ("scheduler", "identity", "compute.h2", "private.compute.h2", "broadcast.identity.revoked"):
        assert not may_host_write(key)


async def test_who_waits_for_others_lets_the_next_messages_in(lab: Lab) -> None:
    """A broker hands a process so many messages at once: those that wait for a slow service must not be all of them."""
    slow, served = asyncio.Event(), asyncio.Event()

    async def wait(message: Ask, envelope: Envelope) -> Told:
        if message.number == 0:
            served.set()
            return Told(number=0, sender="")
        if message.number == 1:
            await set_aside()
        await slow.wait()
        return Told(number=1, sender="")

    await lab.conductor.serve("conductor", {Ask: wait})
    for number in (1, 2):
        waiting = [
            asyncio.create_task(lab.api.call("conductor", Ask(number=number), Told)) for _ in range(PREFETCH + 9)
        ]
        await turns()
        last = asyncio.create_task(lab.api.call("conductor", Ask(number=0), Told))
        await turns()
        assert served.is_set() == (number == 1)
        slow.set()
        await asyncio.gather(*waiting, last)
        slow.clear()
        served.clear()


def delivered(number: int) -> DeliveredMessage:
    """A message from RabbitMQ, the ``number``th."""
    body = encode(envelope_of(Ask(number=number), "api"))
    delivery = Basic.Deliver(delivery_tag=number)
    header = ContentHeader(body_size=len(body), properties=Basic.Properties(user_id="api"))
    return DeliveredMessage(delivery=delivery, header=header, body=body, channel=cast(AbstractChannel, None))


@pytest.mark.parametrize("aside", [False, True])
async def test_a_message_is_acknowledged_once_when_handled_or_set_aside(
    aside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = AmqpBus(BusConfig(url="amqp://api@127.0.0.1:1", side="controller"))
    acknowledged: list[int | None] = []
    monkeypatch.setattr(bus, "_handled", lambda message: acknowledged.append(message.delivery_tag))
    seen: list[int | None] = []

    async def handle(message: Ask, envelope: Envelope) -> None:
        if aside:
            await set_aside()
        seen.extend(acknowledged)

    await asyncio.create_task(bus._handle(Dispatcher({Ask: handle}), delivered(7)))
    assert acknowledged == [7]
    assert seen == ([7] if aside else [])
