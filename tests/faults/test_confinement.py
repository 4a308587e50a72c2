"""A stolen host's bus users on a real RabbitMQ, and its secrets on a real MariaDB: everything but its own place is refused, and logged.

What it may say is what `tests/api/confinement` looks at; here are the ways around it that AMQP has.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import aiormq
import msgspec
import pymysql
import pytest
from pamqp.commands import Basic

from faults.rigs import STOLEN
from tinstack.core.bus.interface import Envelope

pytestmark = pytest.mark.short

USER, OTHER = f"compute.{STOLEN}", "compute.compute1"
LEADING_AWAY = {"x-dead-letter-exchange": "down", "x-dead-letter-routing-key": OTHER, "x-message-ttl": 1}

Channel = Any


def attack(rig: Any, work: Callable[[Channel], Awaitable[object]]) -> object:
    """Do it on a channel of the stolen host's."""

    async def run() -> object:
        url = rig.backends.bus_url.replace("://", f"://{USER}:{rig.cloud.secrets.bus}@")
        connection = await aiormq.connect(f"{url}/tinstack")
        try:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            return await asyncio.wait_for(work(channel), 10)
        finally:
            await connection.close()

    return asyncio.run(run())


def logged(file: Any, *words: str) -> None:
    """Wait until a line of that log has all of these words."""
    end = time.monotonic() + 10
    while not any(all(word in line for word in words) for line in file.read_text(errors="replace").splitlines()):
        assert time.monotonic() < end, f"no line with {words} in {file}"
        threading.Event().wait(0.1)


async def nothing(message: Any) -> None:
    """A consumer."""


def publish(exchange: str, key: str, **properties: Any) -> Callable[[Channel], Awaitable[object]]:
    """One message, which has to be routed."""
    properties.setdefault("user_id", USER)
    return lambda channel: channel.basic_publish(
        b"{}", exchange=exchange, routing_key=key, properties=Basic.Properties(**properties), mandatory=True
    )


REFUSED: dict[str, tuple[Callable[[Channel], Awaitable[object]], str]] = {
    "reads another host's queue": (lambda it: it.basic_consume(OTHER, nothing), OTHER),
    "reads another host's answers": (lambda it: it.basic_consume(f"private.{OTHER}", nothing), f"private.{OTHER}"),
    "reads another host's network queue": (lambda it: it.basic_get("network.compute1"), "network.compute1"),
    "reads the conductor's queue": (lambda it: it.basic_consume("conductor", nothing), "conductor"),
    "empties another host's queue": (lambda it: it.queue_purge(OTHER), OTHER),
    "deletes another host's queue": (lambda it: it.queue_delete(OTHER), OTHER),
    "deletes its own queue": (lambda it: it.queue_delete(USER), USER),
    "declares a queue that leads away": (lambda it: it.queue_declare("mine", arguments=LEADING_AWAY), "mine"),
    "declares a queue without a name": (lambda it: it.queue_declare("", arguments=LEADING_AWAY), "amq.gen"),
    "declares its own queue to lead away": (
        lambda it: it.queue_declare(USER, durable=True, arguments=LEADING_AWAY),
        USER,
    ),
    "declares an exchange": (
        lambda it: it.exchange_declare("mine", arguments={"alternate-exchange": "down"}),
        "mine",
    ),
    "gives up an alternate exchange": (
        lambda it: it.exchange_declare(
            "up", exchange_type="topic", durable=True, arguments={"alternate-exchange": "down"}
        ),
        "up",
    ),
    "deletes an exchange": (lambda it: it.exchange_delete("down"), "down"),
    "binds down to up": (lambda it: it.exchange_bind("down", "up", routing_key="#"), "down"),
    "binds its queue to the conductor's topic": (lambda it: it.queue_bind(USER, "up", "conductor"), USER),
    "binds its queue to everything that goes down": (lambda it: it.queue_bind(USER, "down", "#"), USER),
    "unbinds another host": (lambda it: it.queue_unbind(OTHER, "down", OTHER), OTHER),
    "publishes to the default exchange": (publish("", OTHER), "amq.default"),
    "publishes what goes down": (publish("down", OTHER), "down"),
    "publishes to another host": (publish("up", OTHER), OTHER),
    "publishes to the scheduler": (publish("up", "scheduler"), "scheduler"),
    "publishes a revocation": (publish("up", "broadcast.identity.revoked"), "broadcast.identity.revoked"),
    "answers into another host's queue": (publish("up", f"private.{OTHER}"), f"private.{OTHER}"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_rabbitmq_refuses_it(rig, name):
    work, what = REFUSED[name]
    with pytest.raises(aiormq.exceptions.ChannelAccessRefused, match=USER):
        attack(rig, work)
    logged(rig.state / "backends" / "rabbitmq.log", "access_refused", what, USER)


def test_rabbitmq_refuses_another_users_name(rig):
    with pytest.raises(aiormq.exceptions.ChannelPreconditionFailed, match=USER):
        attack(rig, publish("up", "conductor", user_id=OTHER))
    logged(rig.state / "backends" / "rabbitmq.log", "user_id", OTHER, USER)


@pytest.mark.parametrize("header", ["CC", "BCC"])
def test_copies_reach_nobody_but_controllers(rig, header):
    """The key is one that it may use and that nobody has, so that a message that comes back was routed nowhere."""
    copies = [OTHER, f"private.{OTHER}", "network.compute1", "scheduler", "identity", "broadcast.identity.revoked"]
    free = f"private.api.{uuid4().hex}"
    with pytest.raises(aiormq.exceptions.PublishError):
        attack(rig, publish("up", free, headers={header: copies}))


def test_who_does_not_say_who_he_is_is_not_heard(rig):
    body = {"host": "compute1", "binary": "nova-compute", "started_at": 1}
    forged = Envelope(
        name="ServiceReport",
        id=uuid4().hex,
        request_id="-",
        sender="conductor",
        reply_to=f"private.{OTHER}",
        body=msgspec.Raw(msgspec.json.encode(body)),
    )
    envelopes = {"answered": forged, "heard": msgspec.structs.replace(forged, reply_to="")}

    for envelope in envelopes.values():
        data = msgspec.json.encode(envelope)
        attack(rig, lambda it, data=data: it.basic_publish(data, exchange="up", routing_key="conductor"))
    logged(rig.state / "logs" / "conductor.log", "refused ServiceReport from ''", f"private.{OTHER}")
    logged(rig.state / "logs" / "conductor.log", "refused ServiceReport from ''", "names no sender")


@pytest.mark.parametrize("service", ["identity", "placement", "image", "network", "volume", "api", "conductor"])
def test_its_password_opens_no_database(rig, service):
    user = f"tinstack_{service}"
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        pymysql.connect(host="127.0.0.1", port=rig.backends.database_port, user=user, password=rig.cloud.secrets.bus)
    logged(rig.state / "backends" / "mariadb.log", "Access denied", user)
